import type { ClientSession, Db } from 'mongodb';
import { inTransaction } from '../../journal/transaction.js';
import { answering, committed } from '../../journal/durability.js';
import type { PositionedEvent } from '../../feed/feed.js';
import { readStored } from '../../journal/journal.js';
import { foldBatch } from './fold-batch.js';
import { consecutive, OrderStates } from './order-states.js';
import { type ParkedEvent, parkedEvents } from './parked-events.js';
import { projections } from './state.js';
import { documents, type View } from '../view.js';

/** What somebody did about an event that was set aside, and why. */
export interface ParkedAudit {
  readonly view: string;
  readonly collection: string;
  readonly orderId: string;
  /** the event that was tried again or left out */
  readonly version: number;
  readonly action: 'retry' | 'skip';
  readonly actor: string;
  readonly reason: string;
  /** ISO-8601 UTC */
  readonly at: string;
  /** events of the order that the view has now */
  readonly applied: number;
  /** why it could not be applied this time either */
  readonly error?: string;
}

export interface Intervention {
  readonly action: 'retry' | 'skip';
  readonly orderId: string;
  /** the version that is meant; the order's first that is set aside by default */
  readonly version?: number;
  readonly actor: string;
  readonly reason: string;
}

/** What came of it. */
export interface Intervened {
  readonly kind: 'done';
  /** events of the order that the view has now */
  readonly applied: number;
  /** still set aside */
  readonly remaining: number;
  /** the event that stopped it, where one did */
  readonly parked?: { readonly version: number; readonly error: string };
}

/** Why nothing was done. */
export type NotIntervened =
  | { readonly kind: 'nothing_parked' }
  /** another event of the order is the first that is set aside */
  | { readonly kind: 'other_version'; readonly version: number }
  /** the view is built by another version of its fold than this process has */
  | { readonly kind: 'other_view_version'; readonly version: number };

/** Applied in one transaction; more of one order are done in several, and so are those that do not follow one another. */
const batchSize = 500;

export function parkedAudit(db: Db) {
  return db.collection<ParkedAudit>('parked_audit');
}

/** Events set aside for the build that is read, in the feed's order, beyond position `after`, `limit` at most. */
export async function listParked(
  db: Db,
  { name }: View,
  {
    after = 0,
    limit,
    orderId,
  }: { readonly after?: number; readonly limit: number; readonly orderId?: string },
): Promise<readonly ParkedEvent[]> {
  const state = await projections(db).findOne({ _id: name }, answering);
  if (state === null) return [];
  const { collection } = state;
  const ofOrder = orderId === undefined ? {} : { orderId };
  return await parkedEvents(db)
    .find({ collection, ...ofOrder, position: { $gt: after } }, answering)
    .sort({ position: 1 })
    .limit(limit)
    .toArray();
}

/**
 * Tries the event that an order has set aside once more, or leaves it out; then applies those that wait behind it, up to
 * the next that fails. Documents, events set aside and the audit are written in one transaction that also counts down in the
 * state of the view: whoever feeds the view meanwhile sees it and looks anew.
 */
export async function intervene(
  db: Db,
  view: View,
  intervention: Intervention,
): Promise<Intervened | NotIntervened> {
  let step = await once(db, view, intervention);
  let applied = 0;
  // More than one transaction takes at a time.
  while (step.kind === 'done' && step.parked === undefined && step.remaining > 0) {
    applied += step.applied;
    const { version: _, ...rest } = intervention;
    step = await once(db, view, { ...rest, action: 'retry' });
    if (step.kind === 'nothing_parked') return { kind: 'done', applied, remaining: 0 };
  }
  return step.kind === 'done' ? { ...step, applied: applied + step.applied } : step;
}

async function once(db: Db, view: View, intervention: Intervention): Promise<Intervened | NotIntervened> {
  for (;;) {
    const done = await attempt(db, view, intervention);
    if (done !== undefined) return done;
  }
}

/** Undefined where the view has changed meanwhile. */
async function attempt(
  db: Db,
  view: View,
  { action, orderId, version, actor, reason }: Intervention,
): Promise<Intervened | NotIntervened | undefined> {
  const state = await projections(db).findOne({ _id: view.name }, committed);
  if (state === null) return { kind: 'nothing_parked' };
  if (state.version !== view.version) return { kind: 'other_view_version', version: state.version };
  const { collection } = state;
  const found = await parkedEvents(db)
    .find({ collection, orderId }, committed)
    .sort({ version: 1 })
    .limit(batchSize)
    .toArray();
  const [parked = []] = consecutive(found);
  const [first] = parked;
  if (first === undefined) return { kind: 'nothing_parked' };
  if (version !== undefined && version !== first.version)
    return { kind: 'other_version', version: first.version };

  const events = await eventsOf(db, parked);
  const tried = action === 'skip' ? events.slice(1) : events;
  const start = await new OrderStates(db, view).before(tried);
  const folded = foldBatch(view, collection, tried, start, new Set());
  const [stuck] = folded.parked;
  const gone = parked.slice(0, parked.length - folded.parked.length).map(({ _id }) => _id);
  const audit: ParkedAudit = {
    view: view.name,
    collection,
    orderId,
    version: first.version,
    action,
    actor,
    reason,
    at: new Date().toISOString(),
    applied: tried.length - folded.parked.length,
    ...(stuck?.error === undefined ? {} : { error: stuck.error }),
  };
  return await inTransaction(db, async (session) => {
    const guard = { _id: view.name, collection, version: view.version, parked: { $gte: gone.length } };
    // Whoever feeds the view meanwhile writes the same document: one of the two finds that it has changed.
    const { matchedCount } = await projections(db).updateOne(
      guard,
      { $inc: { parked: -gone.length } },
      { session },
    );
    if (matchedCount === 0) return undefined;
    const { deletedCount } = await parkedEvents(db).deleteMany({ _id: { $in: gone } }, { session });
    if (deletedCount !== gone.length) {
      await session.abortTransaction();
      return undefined;
    }
    const { writes } = folded;
    if (writes.length > 0) await documents(db, collection).bulkWrite(writes, { session });
    if (stuck !== undefined) {
      const { _id, ...renewed } = stuck;
      await parkedEvents(db).replaceOne({ _id }, renewed, { session });
    }
    await parkedAudit(db).insertOne({ ...audit }, { session });
    const remaining = await countOf(db, collection, orderId, session);
    const { applied } = audit;
    if (stuck?.error === undefined) return { kind: 'done', applied, remaining };
    return { kind: 'done', applied, remaining, parked: { version: stuck.version, error: stuck.error } };
  });
}

/** As the journal has them now: what was set aside is only their names. */
async function eventsOf(db: Db, parked: readonly ParkedEvent[]): Promise<readonly PositionedEvent[]> {
  const [first] = parked;
  if (first === undefined) return [];
  const events = await readStored(db, first.orderId, { from: first.version, limit: parked.length });
  return events.map((event, index) => ({ ...event, position: parked[index]?.position ?? 0 }));
}

async function countOf(db: Db, collection: string, orderId: string, session: ClientSession): Promise<number> {
  return await parkedEvents(db).countDocuments({ collection, orderId }, { session });
}
