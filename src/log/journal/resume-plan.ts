import type { StoredEvent } from '../../order/events.js';
import { fold } from '../../order/evolve.js';
import { type Order, isFinished } from '../../order/order.js';
import { upcast } from '../../order/upcasters.js';
import type { HistoryLog } from './history.js';
import { isSameEvent } from './journal.js';
import { unbroken } from './time-travel.js';

/** What is known of an order, read in this sequence. */
export interface Known {
  /** version of its view; 0 if there is none */
  readonly viewed: number;
  /** ascending; there may be gaps */
  readonly journal: readonly StoredEvent[];
  /** absent if Temporal keeps none */
  readonly history?: HistoryLog;
  /** versions of the history's events whose step was done */
  readonly recorded: ReadonlySet<number>;
  /** its workflow has met a fork, and does nothing any more */
  readonly isHalted: boolean;
  /** its workflow ran until this resumption terminated it, so another has to tell the whole log */
  readonly isReplaced?: boolean;
}

/** What is to be done with an order. */
export type Plan =
  | { readonly kind: 'unknown' }
  /** a run takes the order over from the journal just now */
  | { readonly kind: 'resuming' }
  /** its workflow runs, and agrees with the journal */
  | ({ readonly kind: 'running' } & Mended)
  /** the order is finished, and so is its workflow */
  | ({ readonly kind: 'ended' } & Mended)
  /** its workflow ended before it decided anything */
  | { readonly kind: 'restart' }
  /** `order`: as its new run takes it over */
  | ({ readonly kind: 'resume'; readonly order: Order } & Mended)
  /** both hold a recorded event under this version, and they differ */
  | { readonly kind: 'contradiction'; readonly journal: StoredEvent; readonly history: StoredEvent }
  /** events are missing that neither has */
  | { readonly kind: 'incomplete'; readonly detail: string };

interface Mended {
  /** of the history, which the journal lacks */
  readonly record: readonly StoredEvent[];
  /** of the journal, beyond a gap: nothing was done on their account */
  readonly setAside: readonly StoredEvent[];
}

/**
 * Compares an order's journal with its history. The journal, up to its first gap, is what the world saw: effects are performed
 * only once it holds the events that made them owed. So it wins over a history that is shorter, or differs in what was never
 * recorded; and it never wins over a history that agrees and is longer.
 */
export function planResumption({
  viewed,
  journal,
  history,
  recorded,
  isHalted,
  isReplaced = false,
}: Known): Plan {
  const seen = unbroken(journal);
  const beyond = journal.slice(seen.length);
  if (history === undefined) {
    if (journal.length === 0) return { kind: 'unknown' };
    return fromJournal(seen, beyond, { viewed, isRunning: false });
  }
  if (history.isResuming && history.isOpen) return { kind: 'resuming' };
  const decided = history.isForecast ? [] : history.events;
  if (decided.length === 0 && journal.length === 0 && history.base === undefined)
    return history.isOpen ? { kind: 'running', record: [], setAside: [] } : { kind: 'restart' };

  const inHistory = new Map<number, StoredEvent>(decided.map((event) => [event.version, event]));
  const differing = journal.flatMap((event) => {
    const other = inHistory.get(event.version);
    return other === undefined || isSameEvent(event, other) ? [] : [{ journal: event, history: other }];
  });
  const contradiction = differing.find(({ history: { version } }) => recorded.has(version));
  if (contradiction !== undefined) return { kind: 'contradiction', ...contradiction };

  const differsAt = differing[0]?.journal.version ?? Infinity;
  const lastInHistory = (history.isForecast ? 0 : history.firstVersion - 1) + decided.length;
  if (lastInHistory < seen.length || differsAt <= seen.length)
    return fromJournal(seen, beyond, { viewed, isRunning: history.isOpen || isReplaced });
  return fromBoth(seen, beyond, { history, decided, isHalted });
}

/** The history agrees, and is at least as long. */
function fromBoth(
  seen: readonly StoredEvent[],
  beyond: readonly StoredEvent[],
  {
    history,
    decided,
    isHalted,
  }: Pick<Known, 'isHalted'> & { readonly history: HistoryLog; readonly decided: readonly StoredEvent[] },
): Plan {
  const inHistory = new Map(decided.map((event) => [event.version, event]));
  const setAside = beyond.filter((event) => {
    const other = inHistory.get(event.version);
    return other === undefined || !isSameEvent(event, other);
  });
  const has = new Set(
    [...seen, ...beyond.filter((event) => !setAside.includes(event))].map(({ version }) => version),
  );
  const record = decided.filter(({ version }) => !has.has(version));
  if (history.isOpen && !isHalted) return { kind: 'running', record, setAside };
  const log = [...seen, ...decided.filter(({ version }) => version > seen.length)];
  if (unbroken(log).length < log.length || log.length === 0) {
    const detail = `versions 1 to ${history.firstVersion - 1} are in no history any more, and the journal lacks some of them`;
    return { kind: 'incomplete', detail };
  }
  const order = folded(log);
  return !history.isOpen && isFinished(order)
    ? { kind: 'ended', record, setAside }
    : { kind: 'resume', order, record, setAside };
}

function fromJournal(
  seen: readonly StoredEvent[],
  beyond: readonly StoredEvent[],
  { viewed, isRunning }: Pick<Known, 'viewed'> & { readonly isRunning: boolean },
): Plan {
  if (seen.length === 0 || viewed > seen.length) {
    const missing = seen.length + 1;
    return {
      kind: 'incomplete',
      detail: `version ${missing} is missing in the journal, and no history has it`,
    };
  }
  const order = folded(seen);
  return isFinished(order) && !isRunning
    ? { kind: 'ended', record: [], setAside: beyond }
    : { kind: 'resume', order, record: [], setAside: beyond };
}

function folded(log: readonly StoredEvent[]): Order {
  const order = fold(log.map((event) => upcast(event)));
  if (order === undefined) throw new TypeError('A log without events leads to no order.');
  return order;
}
