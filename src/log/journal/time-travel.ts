import { isDeepStrictEqual } from 'node:util';
import type { OrderEvent } from '../../order/events.js';
import { evolve, fold } from '../../order/evolve.js';
import type { Order } from '../../order/order.js';
import { toView } from '../../order/view.js';

/**
 * A point in an order's life: after the event of a version, or after all events up to a time
 * (ISO-8601 UTC).
 */
export type Moment = { readonly version: number } | { readonly at: string };

/**
 * The events after version `after` up to the first gap. Later ones cannot be used yet.
 *
 * @param events ascending
 */
export function contiguous<E extends Pick<OrderEvent, 'version'>>(
  events: readonly E[],
  after = 0,
): readonly E[] {
  const end = events.findIndex(({ version }, index) => version !== after + 1 + index);
  return end === -1 ? events : events.slice(0, end);
}

/**
 * The events of an order up to a moment, or up to a gap.
 *
 * @param log ascending, from version 1
 */
export function eventsUntil<E extends Pick<OrderEvent, 'version' | 'occurredAt'>>(
  log: readonly E[],
  moment: Moment,
): readonly E[] {
  const known = contiguous(log);
  if ('version' in moment) return known.slice(0, moment.version);
  const end = known.findIndex(({ occurredAt }) => occurredAt > moment.at);
  return end === -1 ? known : known.slice(0, end);
}

/**
 * The order at a moment; undefined if it did not exist yet. A version beyond the log gives the
 * latest state.
 */
export function orderAt(log: readonly OrderEvent[], moment: Moment): Order | undefined {
  return fold(eventsUntil(log, moment));
}

/** The differences of an order between two of its versions. */
export interface Diff {
  readonly orderId: string;
  readonly from: number;
  readonly to: number;
  /** the net result, without what was changed and changed back */
  readonly changes: readonly Change[];
  /** the changes of each event, ascending */
  readonly steps: readonly DiffStep[];
}

export interface DiffStep extends Pick<
  OrderEvent,
  'version' | 'type' | 'occurredAt' | 'actor' | 'onBehalfOf' | 'commandId' | 'correlationId' | 'causationId'
> {
  /** as the event gives it; absent if it gives none */
  readonly reason?: string;
  readonly changes: readonly Change[];
}

/**
 * One difference in the public shape of an order. `path` is a JSON pointer. Entries of a list are
 * named by their own id, as in `/lines/A-1/shipped` and `/shipments/s1/status`; for entries without
 * an id it is the path of their list. Without `before`, the value was added; without `after`, it
 * was removed.
 */
export interface Change {
  readonly path: string;
  readonly before?: unknown;
  readonly after?: unknown;
}

/**
 * @param log ascending, from version 1, without gaps up to `to`
 * @param from 1 ≤ from ≤ to
 */
export function diff(log: readonly OrderEvent[], from: number, to: number): Diff {
  const start = orderAt(log, { version: from });
  if (start === undefined) throw new RangeError(`The log does not reach version ${from}.`);
  const steps: DiffStep[] = [];
  let order = start;
  for (const event of log.slice(from, to)) {
    const next = evolve(order, event);
    steps.push(stepOf(event, changesBetween(order, next)));
    order = next;
  }
  return { orderId: order.orderId, from, to, changes: changesBetween(start, order), steps };
}

function stepOf(event: OrderEvent, changes: readonly Change[]): DiffStep {
  const { version, type, occurredAt, actor, onBehalfOf, commandId, correlationId, causationId } = event;
  const reason = reasonOf(event);
  return {
    version,
    type,
    occurredAt,
    actor,
    ...(onBehalfOf === undefined ? {} : { onBehalfOf }),
    commandId,
    correlationId,
    causationId,
    ...(reason === '' ? {} : { reason }),
    changes,
  };
}

function reasonOf({ data }: OrderEvent): string {
  const what = 'reason' in data ? data.reason : 'code' in data ? data.code : undefined;
  const more = 'detail' in data ? data.detail : 'message' in data ? data.message : undefined;
  return [what, more].filter((text) => text !== undefined).join(': ');
}

function changesBetween(before: Order, after: Order): readonly Change[] {
  return changed('', toView(before), toView(after));
}

/**
 * Left out: what every event changes, and which commands are allowed, which is not part of what
 * happened.
 */
const leftOut = new Set(['version', 'updatedAt', 'allowedCommands', 'blockedCommands']);

/** The member that names an entry in its list. */
const ids = ['shipmentId', 'refundId', 'returnId', 'sku'] as const;

function changed(path: string, before: unknown, after: unknown): readonly Change[] {
  if (isDeepStrictEqual(before, after)) return [];
  if (Array.isArray(before) && Array.isArray(after)) return changedList(path, before, after);
  if (isObject(before) && isObject(after)) return changedMembers(path, before, after);
  return [
    {
      path,
      ...(before === undefined ? {} : { before: shown(before) }),
      ...(after === undefined ? {} : { after: shown(after) }),
    },
  ];
}

type Members = Readonly<Record<string, unknown>>;

function changedMembers(path: string, before: Members, after: Members): readonly Change[] {
  return [...new Set([...Object.keys(after), ...Object.keys(before)])]
    .filter((name) => !leftOut.has(name))
    .flatMap((name) => changed(`${path}/${name}`, own(before, name), own(after, name)));
}

/** The value of a member of the object itself; inherited ones such as `toString` do not count. */
function own(members: Members, name: string): unknown {
  return Object.hasOwn(members, name) ? members[name] : undefined;
}

function changedList(path: string, before: readonly unknown[], after: readonly unknown[]): readonly Change[] {
  if ([...before, ...after].every((entry) => idOf(entry) !== undefined)) {
    const [these, those] = [byId(before), byId(after)];
    return [...new Set([...those.keys(), ...these.keys()])].flatMap((id) =>
      changed(`${path}/${id}`, these.get(id), those.get(id)),
    );
  }
  const missingIn = (others: readonly unknown[]) => (entry: unknown) =>
    !others.some((other) => isDeepStrictEqual(entry, other));
  return [
    ...before.filter(missingIn(after)).map((entry) => ({ path, before: entry })),
    ...after.filter(missingIn(before)).map((entry) => ({ path, after: entry })),
  ];
}

function byId(list: readonly unknown[]): ReadonlyMap<string | undefined, unknown> {
  return new Map(list.map((entry) => [idOf(entry), entry]));
}

function idOf(entry: unknown): string | undefined {
  const id = isObject(entry)
    ? ids.map((name) => entry[name]).find((value) => value !== undefined)
    : undefined;
  return typeof id === 'string' ? id : undefined;
}

/** A value that was added or removed as a whole, without the members that are left out. */
function shown(part: unknown): unknown {
  if (Array.isArray(part)) return part.map(shown);
  if (!isObject(part)) return part;
  return Object.fromEntries(
    Object.entries(part)
      .filter(([name]) => !leftOut.has(name))
      .map(([name, value]) => [name, shown(value)]),
  );
}

function isObject(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
