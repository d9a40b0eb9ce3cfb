import type { Db } from 'mongodb';
import { pause } from '../../../concurrency/pause.js';
import { type PositionedEvent, skipLostPositions } from '../../feed/feed.js';
import type { FeedTail } from '../../feed/tail.js';
import { feedGenerations } from '../../feed/generations.js';
import { Fenced } from '../../feed/fencing.js';
import { BuildFeeder } from './build-feeder.js';
import { generationOf, type ViewBuilds, buildsOf, takeOverView } from './view-builds.js';
import type { Draft, State } from '../../entity.js';
import type { EntityLog } from '../../journal/entity-log.js';
import type { AnyView, View } from '../view.js';

export interface FeedViewDeps<S extends State, D extends Draft> {
  readonly db: Db;
  /** woken when the builds of a view, or the state of the feed, have changed (`watchStates`) */
  readonly tail: FeedTail;
  /** aborted when another process should continue */
  readonly signal: AbortSignal;
  /** called while all is well: when it begins, and each time it is woken */
  readonly heartbeat: (position: number) => void;
  /** asks for a rebuild of the view; called repeatedly until it is done */
  readonly requestRebuild: (view: View<S, D>) => Promise<void>;
}

const batchSize = 500;
const LOOK_AGAIN_MS = 1_000;
/** A view waits until it is woken. This limits the wait in case a wake-up is lost. */
const LONGEST_WAIT_MS = 10 * 60_000;
/**
 * Minimum time from a micro-batch that was not full to the next one, so that under load a batch has
 * many events.
 */
const PACE_MS = 500;

/**
 * Feeds a view until `signal` aborts. If the view was built by an older version of its fold, or the
 * view has events that the feed's generation may not have, it requests a rebuild and waits until
 * that is swapped in.
 *
 * @throws Fenced if another feeder has taken over, or the view belongs to another version: a
 *   newer one has built it, or it is rolled back; and any error of MongoDB: call it again, it
 *   continues
 */
export async function feedView<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  view: View<S, D>,
  { db, tail, signal, heartbeat, requestRebuild }: FeedViewDeps<S, D>,
): Promise<void> {
  // Read before the state, so that no change is missed.
  let { wakeCount } = tail;
  // Before the take-over, so that a worker of another version disturbs no feeder.
  const found = await buildsOf(db, view.name);
  if (found !== undefined) requireVersion(found, view);
  let state = await takeOverView(log, db, view);
  const feeder = new BuildFeeder(log, db, view, 'active', state);
  const lookAgain = async (): Promise<void> => {
    ({ wakeCount } = tail);
    state = await stillMine(db, view, state.epoch);
    const { collection, position, parked } = feeder.held;
    const isAsKnown =
      state.collection === collection && state.position === position && state.parked === parked;
    if (!isAsKnown) feeder.resume(state);
  };
  const apply = async (events: readonly PositionedEvent[], beganAt: number): Promise<void> => {
    if (!(await feeder.apply(events))) await lookAgain();
    if (events.length < batchSize) await pause(beganAt + PACE_MS - Date.now(), signal);
  };
  let waitMs = LONGEST_WAIT_MS;
  while (!signal.aborted) {
    requireVersion(state, view);
    heartbeat(feeder.held.position);
    if (feeder.held.version !== view.version) {
      await requestRebuild(view);
      await tail.waitBeyond(Infinity, signal, LOOK_AGAIN_MS, wakeCount);
      await lookAgain();
      continue;
    }
    const { position } = feeder.held;
    const hasEvents = (await tail.waitBeyond(position, signal, waitMs, wakeCount)) > position;
    waitMs = LONGEST_WAIT_MS;
    const beganAt = Date.now();
    const generation = generationOf(feeder.held);
    const remembered = tail.remembered(generation, position, batchSize);
    if (remembered !== undefined) {
      await apply(remembered, beganAt);
      continue;
    }
    const events = await tail.read(generation, position, batchSize);
    // Read after the events, so these belong to this generation or to an earlier one.
    const generations = await feedGenerations(log, db);
    if (generations.current.generation !== generation) {
      if (position <= generations.commonWith(generation)) {
        await feeder.enter(generations.current.generation);
      } else {
        await requestRebuild(view);
        await pause(LOOK_AGAIN_MS, signal);
        // The rebuild is requested again until it is swapped in.
        waitMs = 0;
      }
      await lookAgain();
    } else if (events !== undefined && events.length > 0) {
      await apply(events, beganAt);
    } else {
      await lookAgain();
      const afterGap = await skipLostPositions(log, db, feeder.held.position);
      if (afterGap > feeder.held.position) await feeder.skipTo(afterGap);
      // The tail has announced events, and the read does not find them yet.
      else if (hasEvents) await pause(LOOK_AGAIN_MS, signal);
    }
  }
}

/**
 * @throws Fenced if the active build is of another version. A version that is newer than the active
 *   build and than the build that was rolled back is accepted.
 */
function requireVersion({ version, previous }: ViewBuilds, view: AnyView): void {
  if (version === view.version || view.version > Math.max(version, previous?.version ?? 0)) return;
  throw new Fenced(`The view ${view.name} is of version ${version}; here is ${view.version}.`);
}

async function stillMine(db: Db, { name }: AnyView, epoch: number): Promise<ViewBuilds> {
  const state = await buildsOf(db, name);
  if (state === undefined || state.epoch !== epoch) throw new Fenced(`Another feeds the view ${name}.`);
  return state;
}
