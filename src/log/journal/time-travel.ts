import { isDeepStrictEqual } from 'node:util';
import type { Cause, Draft, Envelope, State } from '../entity.js';
import type { EntityLog, Shape } from './entity-log.js';
import { contiguous, fold } from './fold.js';

/**
 * A point in an entity's life: after the event of a version, or after all events up to a time
 * (ISO-8601 UTC).
 */
export type Moment = { readonly version: number } | { readonly at: string };

/**
 * The events of an entity up to a moment, or up to a gap.
 *
 * @param events ascending, from version 1
 */
export function eventsUntil<E extends Pick<Envelope, 'version' | 'occurredAt'>>(
  events: readonly E[],
  moment: Moment,
): readonly E[] {
  const known = contiguous(events);
  if ('version' in moment) return known.slice(0, moment.version);
  const end = known.findIndex(({ occurredAt }) => occurredAt > moment.at);
  return end === -1 ? known : known.slice(0, end);
}

/**
 * The state at a moment; undefined if the entity did not exist yet. A version beyond the last event
 * gives the latest state.
 */
export function stateAt<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  events: readonly (D & Envelope)[],
  moment: Moment,
): S | undefined {
  return fold(log, eventsUntil(events, moment));
}

/** The differences of an entity between two of its versions. */
export interface Diff {
  readonly orderId: string;
  readonly from: number;
  readonly to: number;
  /** the net result, without what was changed and changed back */
  readonly changes: readonly Change[];
  /** the changes of each event, ascending */
  readonly steps: readonly DiffStep[];
}

export interface DiffStep extends Cause {
  readonly version: number;
  readonly type: string;
  /** as the event gives it; absent if it gives none */
  readonly reason?: string;
  readonly changes: readonly Change[];
}

/**
 * One difference in the public shape of an entity. `path` is a JSON pointer. Entries of a list are
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
 * @param events ascending, from version 1, without gaps up to `to`
 * @param from 1 ≤ from ≤ to
 */
export function diff<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  events: readonly (D & Envelope)[],
  from: number,
  to: number,
): Diff {
  const start = stateAt(log, events, { version: from });
  if (start === undefined) throw new RangeError(`The log does not reach version ${from}.`);
  const steps: DiffStep[] = [];
  let state = start;
  for (const event of events.slice(from, to)) {
    const next = log.entity.evolve(state, event);
    steps.push(diffStepOf(event, changesBetween(log.shape, state, next)));
    state = next;
  }
  const changes = changesBetween(log.shape, start, state);
  return { orderId: state.orderId, from, to, changes, steps };
}

function diffStepOf(event: Draft & Envelope, changes: readonly Change[]): DiffStep {
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

function reasonOf({ data }: Draft): string {
  const what = 'reason' in data ? data.reason : 'code' in data ? data.code : undefined;
  const more = 'detail' in data ? data.detail : 'message' in data ? data.message : undefined;
  return [what, more].filter((text) => typeof text === 'string').join(': ');
}

function changesBetween<S>({ of, ids }: Shape<S>, before: S, after: S): readonly Change[] {
  return changed('', of(before), of(after), ids);
}

/**
 * Left out: what every event changes, and which commands are allowed, which is not part of what
 * happened.
 */
const leftOut = new Set(['version', 'updatedAt', 'allowedCommands', 'blockedCommands']);

type Ids = Shape<never>['ids'];

function changed(path: string, before: unknown, after: unknown, ids: Ids): readonly Change[] {
  if (isDeepStrictEqual(before, after)) return [];
  if (Array.isArray(before) && Array.isArray(after)) return changedList(path, before, after, ids);
  if (isObject(before) && isObject(after)) return changedMembers(path, before, after, ids);
  return [
    {
      path,
      ...(before === undefined ? {} : { before: shown(before) }),
      ...(after === undefined ? {} : { after: shown(after) }),
    },
  ];
}

type Members = Readonly<Record<string, unknown>>;

function changedMembers(path: string, before: Members, after: Members, ids: Ids): readonly Change[] {
  return [...new Set([...Object.keys(after), ...Object.keys(before)])]
    .filter((name) => !leftOut.has(name))
    .flatMap((name) => changed(`${path}/${name}`, own(before, name), own(after, name), ids));
}

/** The value of a member of the object itself; inherited ones such as `toString` do not count. */
function own(members: Members, name: string): unknown {
  return Object.hasOwn(members, name) ? members[name] : undefined;
}

function changedList(
  path: string,
  before: readonly unknown[],
  after: readonly unknown[],
  ids: Ids,
): readonly Change[] {
  if ([...before, ...after].every((entry) => idOf(entry, ids) !== undefined)) {
    const [these, those] = [byId(before, ids), byId(after, ids)];
    return [...new Set([...those.keys(), ...these.keys()])].flatMap((id) =>
      changed(`${path}/${id}`, these.get(id), those.get(id), ids),
    );
  }
  const missingIn = (others: readonly unknown[]) => (entry: unknown) =>
    !others.some((other) => isDeepStrictEqual(entry, other));
  return [
    ...before.filter(missingIn(after)).map((entry) => ({ path, before: entry })),
    ...after.filter(missingIn(before)).map((entry) => ({ path, after: entry })),
  ];
}

function byId(list: readonly unknown[], ids: Ids): ReadonlyMap<string | undefined, unknown> {
  return new Map(list.map((entry) => [idOf(entry, ids), entry]));
}

/** By the first of the members `ids` that the entry has; undefined if it has none. */
function idOf(entry: unknown, ids: Ids): string | undefined {
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
