import { setTimeout } from 'node:timers/promises';
import type { Db } from 'mongodb';
import { type FeedTail, skipLostPositions } from '../../feed/feed.js';
import { feedGenerations } from '../../feed/generations.js';
import { Superseded } from '../../feed/sequencer.js';
import { BuildFeeder } from '../rebuilding/feed-build.js';
import { generationOf, type ProjectionState, projectionState, takeOverProjection } from './state.js';
import type { Draft, State } from '../../entity.js';
import type { EntityLog } from '../../journal/entity-log.js';
import type { AnyView, View } from '../view.js';

export interface Projecting<S extends State, D extends Draft> {
  readonly db: Db;
  /** woken when the state of a view or of the feed has changed (`watchStates`) */
  readonly tail: FeedTail;
  /** aborted when another process should continue */
  readonly signal: AbortSignal;
  /** called while all is well: at the start, and after whatever wakes it */
  readonly heartbeat: (position: number) => void;
  /** asks for a rebuild of the view; called repeatedly until it is done */
  readonly requestRebuild: (view: View<S, D>) => Promise<void>;
}

const batchSize = 500;
const LOOK_AGAIN_MS = 1_000;
/** A view looks when it is woken; this bounds what a bug may cost. */
const LONGEST_WAIT_MS = 10 * 60_000;
/**
 * Minimum time from a micro-batch that was not full to the next one, so that under load a batch has
 * many events.
 */
const PACE_MS = 500;

/**
 * Feeds a view until `signal` aborts. If the view was built by an older version of its fold, or the
 * view has events that the feed's generation may not have, it requests a rebuild and waits until
 * that is swapped in. It also waits while the view is rolled back to another version than that of
 * this process.
 *
 * @throws Superseded if another feeder has taken over, or a newer version of the fold has built the
 *   view; and any error of MongoDB: call it again, it continues
 */
export async function project<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  view: View<S, D>,
  { db, tail, signal, heartbeat, requestRebuild }: Projecting<S, D>,
): Promise<void> {
  // Read before the state, so that no change is missed.
  let { woken } = tail;
  let state = await takeOverProjection(log, db, view);
  const feeder = new BuildFeeder(log, db, view, 'active', state);
  const lookAnew = async (): Promise<void> => {
    ({ woken } = tail);
    state = await stillMine(db, view, state.epoch);
    const { collection, position, parked } = feeder.held;
    const isAsKnown =
      state.collection === collection && state.position === position && state.parked === parked;
    if (!isAsKnown) feeder.resume(state);
  };
  while (!signal.aborted) {
    heartbeat(feeder.held.position);
    if (feeder.held.version !== view.version) {
      const isAsked = isOutdated(state, view);
      if (isAsked) await requestRebuild(view);
      await tail.beyond(Infinity, signal, isAsked ? LOOK_AGAIN_MS : LONGEST_WAIT_MS, woken);
      await lookAnew();
      continue;
    }
    const { position } = feeder.held;
    const hasEvents = (await tail.beyond(position, signal, LONGEST_WAIT_MS, woken)) > position;
    const beganAt = Date.now();
    const generation = generationOf(feeder.held);
    const events = hasEvents ? await tail.read(generation, position, batchSize) : [];
    // Read after the events, so these belong to this generation or to an earlier one.
    const generations = await feedGenerations(log, db);
    if (generations.current.generation !== generation) {
      if (position <= generations.commonWith(generation)) {
        await feeder.enter(generations.current.generation);
      } else {
        await requestRebuild(view);
        await pause(LOOK_AGAIN_MS, signal);
      }
      await lookAnew();
    } else if (events !== undefined && events.length > 0) {
      if (!(await feeder.apply(events))) await lookAnew();
      if (events.length < batchSize) await pause(beganAt + PACE_MS - Date.now(), signal);
    } else {
      await lookAnew();
      const behindLost = await skipLostPositions(log, db, feeder.held.position);
      if (behindLost > feeder.held.position) await feeder.pass(behindLost);
      // The tail knows a later position than the journal has.
      else if (hasEvents) await pause(LOOK_AGAIN_MS, signal);
    }
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (ms > 0) await setTimeout(ms, undefined, { signal }).catch(() => undefined);
}

/** Whether neither the active build nor the one that was rolled back has this version. */
function isOutdated({ version, previous }: ProjectionState, view: AnyView): boolean {
  return view.version > Math.max(version, previous?.version ?? 0);
}

async function stillMine(db: Db, { name, version }: AnyView, epoch: number): Promise<ProjectionState> {
  const state = await projectionState(db, name);
  if (state === undefined || state.epoch !== epoch) throw new Superseded(`Another feeds the view ${name}.`);
  if (state.version > version)
    throw new Superseded(`The view ${name} is of version ${state.version}; here is ${version}.`);
  return state;
}
