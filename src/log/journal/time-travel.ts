import { isDeepStrictEqual } from 'node:util';
import type { OrderEvent } from '../../order/events.js';
import { evolve, fold } from '../../order/evolve.js';
import type { Order } from '../../order/order.js';
import { toView } from '../../order/view.js';

/** A point in an order's life: behind the event of a version, or behind all that had happened at a time (ISO-8601 UTC). */
export type Moment = { readonly version: number } | { readonly at: string };

/** The events of an order, ascending, that follow version `after` up to a gap: those behind it are not known yet. */
export function unbroken<E extends Pick<OrderEvent, 'version'>>(
  events: readonly E[],
  after = 0,
): readonly E[] {
  const end = events.findIndex(({ version }, index) => version !== after + 1 + index);
  return end === -1 ? events : events.slice(0, end);
}

/**
 * The events of an order's log up to a moment, or to a gap.
 *
 * @param log ascending, from version 1
 */
export function eventsUntil<E extends Pick<OrderEvent, 'version' | 'occurredAt'>>(
  log: readonly E[],
  moment: Moment,
): readonly E[] {
  const known = unbroken(log);
  if ('version' in moment) return known.slice(0, moment.version);
  const end = known.findIndex(({ occurredAt }) => occurredAt > moment.at);
  return end === -1 ? known : known.slice(0, end);
}

/** The order as it was; undefined where it did not exist yet. Of a version that its log does not reach: as it is. */
export function orderAt(log: readonly OrderEvent[], moment: Moment): Order | undefined {
  return fold(eventsUntil(log, moment));
}

/** What became different in an order between two of its versions, and how. */
export interface Diff {
  readonly orderId: string;
  readonly from: number;
  readonly to: number;
  /** all in all: what was changed and changed back is not in it */
  readonly changes: readonly Change[];
  /** event by event, ascending */
  readonly steps: readonly DiffStep[];
}

export interface DiffStep extends Pick<
  OrderEvent,
  'version' | 'type' | 'occurredAt' | 'actor' | 'commandId' | 'correlationId' | 'causationId'
> {
  /** in the words of whoever decided it, where there are any */
  readonly reason?: string;
  readonly changes: readonly Change[];
}

/**
 * A difference in the public shape of an order. `path` is a JSON pointer, in which an entry of a list goes by its own id:
 * `/lines/A-1/shipped`, `/shipments/s1/status`; an entry without an id has the path of its list. What has no `before` was
 * added, what has no `after` is gone.
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
  const { version, type, occurredAt, actor, commandId, correlationId, causationId } = event;
  const reason = reasonOf(event);
  return {
    version,
    type,
    occurredAt,
    actor,
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

/** What every event changes, which the event itself tells, and what may be done next, which is no part of what happened. */
const leftOut = new Set(['version', 'updatedAt', 'allowedCommands', 'blockedCommands']);

/** By what an entry of a list is known in its list. */
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

/** What every object has of its own accord, such as `toString`, is no member of it. */
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

/** A part that came or went as a whole. */
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
