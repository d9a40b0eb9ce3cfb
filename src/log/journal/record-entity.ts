import type { Collection, Db, Document } from 'mongodb';
import type { Draft, Effect, Entity, State, StoredEvent } from '../entity.js';
import { committed, durable, isDuplicateKey } from './durability.js';
import { appendToJournal, readStored } from './journal.js';
import { unbroken } from './time-travel.js';

/** The entity's view: its state, under its id. */
export type EntityView<S extends State> = S & { readonly _id: string };

export function entityViews<S extends State>(db: Db, { name }: { readonly name: string }) {
  return db.collection<EntityView<S>>(`${name}s`);
}

/**
 * Records events of one entity, ascending: in its journal, then in its view. It may be repeated, overtaken or run twice at
 * once. When it resolves, the view has every event that the journal holds without a gap.
 *
 * @throws ApplicationFailure of type `EventFork` or `Superseded` (see `appendToJournal`)
 */
export async function recordEntity<S extends State, D extends Draft, F extends Effect>(
  db: Db,
  entity: Entity<S, D, F>,
  events: readonly StoredEvent[],
): Promise<void> {
  const [first] = events;
  if (first === undefined) return;
  await appendToJournal(db, events, { entity });
  while (!(await foldIntoView(db, entity, first.orderId)));
}

/** @returns false if another writer was faster: then the view is to be read again */
async function foldIntoView<S extends State, D extends Draft, F extends Effect>(
  db: Db,
  entity: Entity<S, D, F>,
  id: string,
): Promise<boolean> {
  // The driver's types of a filter know no generic document.
  const views = entityViews<S>(db, entity) as unknown as Collection<Document & { _id: string }>;
  const found = await views.findOne({ _id: id }, { ...committed, projection: { _id: 0 } });
  const seen = found === null ? undefined : (found as unknown as S);
  const stored = await readStored(db, id, { from: (seen?.version ?? 0) + 1, entity: entity.name });
  let state = seen;
  for (const event of unbroken(stored, seen?.version)) state = entity.evolve(state, entity.upcast(event));
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
