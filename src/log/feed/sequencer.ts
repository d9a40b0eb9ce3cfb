import type { Db } from 'mongodb';
import { committed } from '../../mongodb/durability.js';
import type { AnyLog } from '../entity-log/entity-log.js';
import { journal } from '../journal/journal.js';
import { LeaderOutdated } from './due-events.js';
import {
  isLostToken,
  type JournalDelete,
  type JournalChange,
  noneDeleted,
  openJournalInserts,
} from './journal-changes.js';
import { becomeLeader, type Leader, type LeaderDeps, needsRestart } from './leader.js';
import type { LocalPublisher } from './tail.js';

export interface SequencerDeps extends LeaderDeps {
  /** aborted when this leader has to stop */
  readonly signal: AbortSignal;
  /** called at least every `WAIT_MS` while all is well */
  readonly heartbeat: (position: number) => void;
  /** called when this process leads and has caught up, with the last position and the generation */
  readonly onLead?: LocalPublisher['lead'] | undefined;
}

/** The name of the task that gives the positions of a feed; persisted. */
export const sequencerTask = (feedId: string): string => `sequence-${feedId}`;

/** How long to wait for changes: less than the idle time after which the driver closes a socket. */
const WAIT_MS = 3_000;
const BACKLOG_BATCH_SIZE = 500;

/**
 * Gives each event of the journal its position in the feed: 1, 2, 3 … without gaps, in the order of
 * commits, and within an entity in the order of versions. An event waits until the version before
 * it is recorded, unless that version is lost for good. A lost event that is restored after later
 * ones of its entity does not wait.
 *
 * The contract of the feed follows from three rules:
 *
 * - One event per position. A leader gives positions one by one in one ordered bulk write, starting
 *   after the last one that it gave, or found when it started. If the position is taken, or the
 *   event already has one, the write stops there, and the leader restarts or ends. So two leaders
 *   produce neither a duplicate nor a gap.
 * - After commit. An event gets its position only after a majority has it.
 * - Nothing is skipped. A resume token is stored only after every event before it has its position,
 *   unless the event waits for an earlier version. When that version is recorded, the leader at
 *   that time finds the waiting event in the journal (`DueEvents`). If the server no longer knows
 *   the token, a new stream is opened before the journal is searched for events without a position.
 *
 * If events were lost that had positions, the next generation of the feed begins
 * (`Leader.checkForLoss`).
 *
 * Runs until aborted.
 *
 * @throws Fenced, and any error of MongoDB. Another call continues from the stored checkpoint.
 */
export async function runSequencer(log: AnyLog, deps: SequencerDeps): Promise<void> {
  let leader = await becomeLeader(log, deps);
  for (;;) {
    try {
      return await lead(log, leader, deps);
    } catch (error) {
      if (!needsRestart(error)) throw error;
      if (deps.signal.aborted) return;
      // Another leader gave positions at the same time, or events were changed or deleted.
      leader = await leader.restart();
    }
  }
}

async function lead(log: AnyLog, leader: Leader, deps: SequencerDeps): Promise<void> {
  const { db, signal, heartbeat, onLead } = deps;
  const { stream, resumed } = await open(log, db, leader.resumeToken);
  try {
    if (!resumed) {
      await leader.markStart();
      await leader.checkForLoss(heartbeat);
      await catchUp(log, leader, deps);
    }
    onLead?.(leader.position, leader.generation);
    let { changes, resumeToken } = stream;
    let saving = Promise.resolve();
    while (!signal.aborted) {
      await leader.givePositions(insertsOf(changes));
      heartbeat(leader.position);
      await saving;
      // The checkpoint is stored while the next changes arrive and get their positions, so it adds
      // no latency.
      saving = leader.saveCheckpoint(resumeToken);
      saving.catch(() => undefined);
      ({ changes, resumeToken } = await stream.next(WAIT_MS, signal));
    }
    await saving;
  } finally {
    await stream.close();
  }
}

/** @throws LeaderOutdated if an event was deleted */
function insertsOf(changes: readonly (JournalChange | JournalDelete)[]): readonly JournalChange[] {
  if (noneDeleted<JournalChange>(changes)) return changes;
  throw new LeaderOutdated('Events were deleted from the journal.');
}

async function open(log: AnyLog, db: Db, resumeToken: unknown) {
  try {
    if (resumeToken !== undefined)
      return { stream: await openJournalInserts(log, db, resumeToken), resumed: true };
  } catch (error) {
    if (!isLostToken(error)) throw error;
  }
  return { stream: await openJournalInserts(log, db), resumed: false };
}

/**
 * Gives positions to all events that have none, oldest first. Events that are recorded meanwhile
 * are in the stream, which is already open.
 */
async function catchUp(log: AnyLog, leader: Leader, { db, signal, heartbeat }: SequencerDeps) {
  const unsequenced = journal(log, db)
    .find({ unsequenced: true }, committed)
    .project<JournalChange>({ _id: 0, orderId: 1, version: 1, unsequenced: 1 })
    .sort({ recordedAt: 1 })
    .batchSize(BACKLOG_BATCH_SIZE);
  let inserts: JournalChange[] = [];
  for await (const event of unsequenced) {
    inserts.push(event);
    if (inserts.length < BACKLOG_BATCH_SIZE) continue;
    await leader.givePositions(inserts);
    await leader.saveCheckpoint();
    heartbeat(leader.position);
    inserts = [];
    if (signal.aborted) return;
  }
  await leader.givePositions(inserts);
}
