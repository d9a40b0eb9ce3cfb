import type { Collection, Db, Document } from 'mongodb';
import type { Draft, Effect, Entity, State, StoredEvent } from '../entity.js';
import { committed, durable, isDuplicateKey } from './durability.js';
import { appendToJournal, readStored, refuseReplacedRun } from './journal.js';
import { contiguous } from './time-travel.js';

/** An entity's state as it is stored, with its id as `_id`. */
export type StateDocument<S extends State> = S & { readonly _id: string };

export function entityViews<S extends State>(db: Db, { name }: { readonly name: string }) {
  return db.collection<StateDocument<S>>(`${name}s`);
}

/**
 * Records events of one entity, ascending: first in its journal, then in its view. Idempotent, also
 * if calls overlap or arrive out of order. When it resolves, the view has every event that the
 * journal holds without a gap.
 *
 * @param resumption see `EntityStep`
 * @throws ApplicationFailure of type `EventFork` or `Superseded` (see `appendToJournal`)
 */
export async function recordEntity<S extends State, D extends Draft, F extends Effect>(
  db: Db,
  entity: Entity<S, D, F>,
  events: readonly StoredEvent[],
  resumption = 0,
): Promise<void> {
  const [first] = events;
  if (first === undefined) return;
  await refuseReplacedRun(db, events, resumption, { entity });
  await appendToJournal(db, events, { entity });
  while (!(await foldIntoView(db, entity, first.orderId)));
}

/** @returns false if another writer was faster, so the view has to be read again */
async function foldIntoView<S extends State, D extends Draft, F extends Effect>(
  db: Db,
  entity: Entity<S, D, F>,
  id: string,
): Promise<boolean> {
  // The driver's filter types do not accept a generic document.
  const views = entityViews<S>(db, entity) as unknown as Collection<Document & { _id: string }>;
  const found = await views.findOne({ _id: id }, { ...committed, projection: { _id: 0 } });
  const seen = found === null ? undefined : (found as unknown as S);
  const stored = await readStored(db, id, { from: (seen?.version ?? 0) + 1, entity: entity.name });
  let state = seen;
  for (const event of contiguous(stored, seen?.version)) state = entity.evolve(state, entity.upcast(event));
  if (state === undefined || state === seen) return true;
  if (seen !== undefined) {
    const { matchedCount } = await views.replaceOne({ _id: id, version: seen.version }, state, durable);
    return matchedCount === 1;
  }
  try {
    await views.insertOne({ ...state, _id: id }, durable);
    return true;
  } catch (error) {
    if (isDuplicateKey(error)) return false;
    throw error;
  }
}
