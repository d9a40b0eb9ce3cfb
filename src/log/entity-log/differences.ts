import { isDeepStrictEqual } from 'node:util';

/**
 * One difference in the public shape of an entity. `path` is a JSON pointer. It names an entry of a
 * list by the id of the entry, as in `/lines/A-1/shipped` and `/shipments/s1/status`. If an entry
 * of the list has no id, `path` is that of the list. Without `before`, the value was added; without
 * `after`, it was removed.
 */
export interface StateDifference {
  readonly path: string;
  readonly before?: unknown;
  readonly after?: unknown;
}

/** How the differences of two states are reported (`diff`). */
export interface Shape<S> {
  /** the public shape of a state */
  readonly of: (state: S) => object;
  /** names of the members that identify an entry in its list */
  readonly ids: readonly string[];
}

/** The differences between the public shapes of two states. */
export function differencesBetween<S>(
  { of, ids }: Shape<S>,
  before: S,
  after: S,
): readonly StateDifference[] {
  return changed('', of(before), of(after), ids);
}

/**
 * Members that are not reported: every event changes the first two, and the commands follow from
 * the rest of the state.
 */
const leftOut = new Set(['version', 'updatedAt', 'allowedCommands', 'blockedCommands']);

type Ids = Shape<never>['ids'];

function changed(path: string, before: unknown, after: unknown, ids: Ids): readonly StateDifference[] {
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

function changedMembers(path: string, before: Members, after: Members, ids: Ids): readonly StateDifference[] {
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
): readonly StateDifference[] {
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

/** The value of the first member of `ids` that the entry has; undefined if it has none. */
function idOf(entry: unknown, ids: Ids): string | undefined {
  const id = isObject(entry)
    ? ids.map((name) => entry[name]).find((value) => value !== undefined)
    : undefined;
  return typeof id === 'string' ? id : undefined;
}

/** A value that was added or removed as a whole, without the members in `leftOut`. */
function shown(part: unknown): unknown {
  if (Array.isArray(part)) return part.map(shown);
  if (!isObject(part)) return part;
  return Object.fromEntries(
    Object.entries(part)
      .filter(([name]) => !leftOut.has(name))
      .map(([name, value]) => [name, shown(value)]),
  );
}

export function isObject(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
