import { setTimeout } from 'node:timers/promises';
import type { Db } from 'mongodb';
import { type FeedTail, feedBegunAnew, feedHead, passLost } from '../../feed/feed.js';
import { Superseded } from '../../feed/sequencer.js';
import { BuildFeeder } from '../rebuilding/feed-build.js';
import { type ProjectionState, projectionState, takeOverProjection } from './state.js';
import type { View } from '../view.js';

export interface Projecting {
  readonly db: Db;
  readonly tail: FeedTail;
  /** aborted when another shall go on */
  readonly signal: AbortSignal;
  /** called at least every second while all is well */
  readonly beat: (position: number) => void;
  /** has the view built anew; called again and again until it is */
  readonly requestRebuild: (view: View) => Promise<void>;
}

const batchSize = 500;
const LOOK_AGAIN_MS = 1_000;
/** Between two batches that were not full: under load a view takes many events at once, when little happens each at once. */
const PACE_MS = 500;

/**
 * Feeds a view for as long as it may. Where the view was built by an older version of its fold, or from a feed that began
 * anew since, a rebuild is requested, and it stands still until that has taken its place; so it does where people went back
 * to another version than this one.
 *
 * @throws Superseded where another has taken over, or the view is built by a newer version than this process has; and any
 *   error of MongoDB: call it again, it goes on where it was
 */
export async function project(
  view: View,
  { db, tail, signal, beat, requestRebuild }: Projecting,
): Promise<void> {
  let state = await takeOverProjection(db, view);
  const feeder = new BuildFeeder(db, view, 'active', state);
  const lookAnew = async (): Promise<void> => {
    state = await stillMine(db, view, state.epoch);
    const { collection, position, parked } = feeder.held;
    const isAsKnown =
      state.collection === collection && state.position === position && state.parked === parked;
    if (!isAsKnown) feeder.resume(state);
  };
  while (!signal.aborted) {
    beat(feeder.held.position);
    if (feeder.held.version !== view.version) {
      if (isOutdated(state, view)) await requestRebuild(view);
      await pause(LOOK_AGAIN_MS, signal);
      await lookAnew();
      continue;
    }
    const { position } = feeder.held;
    // For a second at most, since the build itself may become another one.
    const hasEvents = (await tail.beyond(position, signal, LOOK_AGAIN_MS)) > position;
    const beganAt = Date.now();
    const events = hasEvents ? await tail.read(position, batchSize) : [];
    // Asked behind the events: they are of the feed that this tells, or of one before.
    if ((await feedBegunAnew(db)) !== feeder.held.feed) {
      await requestRebuild(view);
      await pause(LOOK_AGAIN_MS, signal);
      await lookAnew();
    } else if (events.length > 0) {
      if (!(await feeder.apply(events))) await lookAnew();
      if (events.length < batchSize) await pause(beganAt + PACE_MS - Date.now(), signal);
    } else {
      await lookAnew();
      // Feed and journal were emptied: what the view has is of another one.
      if ((await feedHead(db)) < feeder.held.position) await requestRebuild(view);
      const behindLost = await passLost(db, feeder.held.position);
      if (behindLost > feeder.held.position) await feeder.pass(behindLost);
      // The tail knew of more than the journal has.
      else if (hasEvents) await pause(LOOK_AGAIN_MS, signal);
    }
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (ms > 0) await setTimeout(ms, undefined, { signal }).catch(() => undefined);
}

/** No build, not even one that was rolled back, is of this version yet. */
function isOutdated({ version, previous }: ProjectionState, view: View): boolean {
  return view.version > Math.max(version, previous?.version ?? 0);
}

async function stillMine(db: Db, { name, version }: View, epoch: number): Promise<ProjectionState> {
  const state = await projectionState(db, name);
  if (state === undefined || state.epoch !== epoch) throw new Superseded(`Another feeds the view ${name}.`);
  if (state.version > version)
    throw new Superseded(`The view ${name} is of version ${state.version}; here is ${version}.`);
  return state;
}
