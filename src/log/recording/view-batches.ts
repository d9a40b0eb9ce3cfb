import type { ClientSession, Db } from 'mongodb';
import { durable } from '../../mongodb/durability.js';
import { isDuplicateKey } from '../../mongodb/duplicates.js';
import type { Draft, State, StoredEvent } from '../entity.js';
import type { EntityLog } from '../entity-log/entity-log.js';
import { contiguous, fold, foldToGap } from '../journal/fold.js';
import { streamStoredLogs, upcastRecord } from '../journal/read-journal.js';
import { asSeen, stateViews, storedDocument } from '../entity-log/state-view.js';

/* How the recorder writes the views of several entities in one batch. */

/**
 * Inserts the views of entities whose first events were just recorded. Each view has the events of
 * the journal up to the first gap.
 *
 * @returns the states; undefined if one of the entities had a view already. The caller then needs
 *   `updateStateView`.
 */
export async function insertViews<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  db: Db,
  ids: readonly string[],
  { writerId, session }: { readonly writerId: string; readonly session: ClientSession },
): Promise<ReadonlyMap<string, S> | undefined> {
  const recorded: (readonly [id: string, events: readonly StoredEvent[]])[] = [];
  for await (const entity of streamStoredLogs(log, db, { orderId: { $in: [...ids] } }, { session }))
    recorded.push(entity);
  const states = new Map<string, S>();
  const views = recorded.map(async ([id, events]) => {
    const { state, lastAfterGap } = foldToGap(
      log,
      events.map((event) => upcastRecord(log, event)),
    );
    if (state === undefined) throw new Error(`The journal of ${id} cannot be read yet.`);
    states.set(id, state);
    return await storedDocument(log, db, state, { lastAfterGap, writerId });
  });
  try {
    await stateViews(log, db).insertMany(await Promise.all(views), {
      session,
      ...durable,
      ordered: false,
    });
    return states;
  } catch (error) {
    if (isDuplicateKey(error)) return undefined;
    throw error;
  }
}

/** Folds these events into a state; undefined if they do not follow the state without a gap. */
export function foldFollowing<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  state: S,
  events: readonly StoredEvent[],
): S | undefined {
  const upcast = events.map((event) => log.entity.upcast(event));
  const after = fold(log, contiguous(upcast, state.version), state);
  return after?.version === state.version + events.length ? after : undefined;
}

export interface Replacement<S extends State> {
  readonly state: S;
  /** the version that its view must have */
  readonly seen: number;
}

/**
 * Replaces views by states whose last events were just recorded, without reading view or journal. A
 * view is only replaced if this recorder wrote it last, it has the version `seen`, and the journal
 * had no gap then.
 *
 * @returns false if a view was not replaced. The caller then needs `updateStateView`.
 */
export async function replaceViews<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  db: Db,
  replacements: readonly Replacement<S>[],
  writerId: string,
): Promise<boolean> {
  const writes = replacements.map(async ({ state, seen }) => ({
    replaceOne: {
      filter: asSeen(state.orderId, { version: seen, recorder: writerId }),
      replacement: await storedDocument(log, db, state, { writerId }),
    },
  }));
  const { matchedCount } = await stateViews(log, db).bulkWrite(await Promise.all(writes), {
    ...durable,
    ordered: false,
  });
  return matchedCount === replacements.length;
}
