import type { Db } from 'mongodb';
import { pause } from '../../../concurrency/pause.js';
import { type PositionedEvent, positionAfterLost } from '../../feed/feed.js';
import type { FeedTail } from '../../feed/tail.js';
import { feedGenerations, type Generations } from '../../feed/generations.js';
import { Fenced } from '../../leases/fencing.js';
import { BuildFeeder } from './build-feeder.js';
import { generationOf, type ViewBuilds, buildsOf, takeOverFeeding } from '../view-builds.js';
import type { Draft, State } from '../../entity.js';
import type { EntityLog } from '../../entity-log/entity-log.js';
import type { AnyView, View } from '../view.js';

export interface ViewFeederDeps<S extends State, D extends Draft> {
  readonly db: Db;
  /** woken when the builds of a view or the state of the feed change (`watchBuildsAndFeeds`) */
  readonly tail: FeedTail;
  /** aborted when another process should continue */
  readonly signal: AbortSignal;
  /** called while all is well: each time before the feeder waits for events or for a rebuild */
  readonly heartbeat: (position: number) => void;
  /** requests a rebuild of the view; called again until the rebuild is done */
  readonly requestRebuild: (view: View<S, D>) => Promise<void>;
}

/** The name of the task that feeds a view; persisted. */
export const viewTask = (view: string): string => `project-${view}`;

const BATCH_SIZE = 500;
const RELOAD_AFTER_MS = 1_000;
/** A feeder waits until it is woken. This is the longest wait, in case a wake-up is lost. */
const MAX_WAIT_MS = 10 * 60_000;
/**
 * Minimum time from a micro-batch that was not full to the next one, so that under load a batch has
 * many events.
 */
const PACE_MS = 500;

/**
 * Feeds a view until `signal` aborts. If the view was built by an older version of its fold, or the
 * view has events that the feed's generation may not have, the feeder requests a rebuild and waits
 * until the new build is swapped in.
 *
 * @throws Fenced if another feeder has taken over, if a newer version of the fold has built the
 *   view, or if the view was rolled back from the version of this process; and any error of
 *   MongoDB. Another call continues.
 */
export async function runViewFeeder<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  view: View<S, D>,
  deps: ViewFeederDeps<S, D>,
): Promise<void> {
  // The count is read before the builds, so that no change is missed.
  const { wakeCount } = deps.tail;
  // The version is checked before the take-over, so that a worker of another version disturbs no
  // feeder.
  const found = await buildsOf(deps.db, view.name);
  if (found !== undefined) assertVersion(found, view);
  const builds = await takeOverFeeding(log, deps.db, view);
  await new ViewFeeder(log, view, deps, builds, wakeCount).run();
}

/**
 * Feeds the active build of a view, until another process takes the view over. After each wait
 * there is one of four outcomes:
 * - there are events: they are applied (`apply`);
 * - the feed is in another generation: it is entered, or a rebuild is requested
 *   (`changeGeneration`);
 * - there are no events, because those up to the head are lost: they are skipped (`skipLost`);
 * - there is nothing: the builds are read again, in case a rebuild has made another one active.
 *
 * The results of `enterGeneration` and `skipTo` do not matter: if the build is no longer the active
 * one, the next `reload` continues from the one that is.
 */
class ViewFeeder<S extends State, D extends Draft> {
  private readonly log: EntityLog<S, D>;
  private readonly view: View<S, D>;
  private readonly deps: ViewFeederDeps<S, D>;
  private readonly feeder: BuildFeeder<S, D>;
  private builds: ViewBuilds;
  private wakeCount: number;
  private waitMs = MAX_WAIT_MS;

  constructor(
    log: EntityLog<S, D>,
    view: View<S, D>,
    deps: ViewFeederDeps<S, D>,
    builds: ViewBuilds,
    wakeCount: number,
  ) {
    this.log = log;
    this.view = view;
    this.deps = deps;
    this.feeder = new BuildFeeder(log, deps.db, view, 'active', builds);
    this.builds = builds;
    this.wakeCount = wakeCount;
  }

  async run(): Promise<void> {
    const { signal, heartbeat } = this.deps;
    while (!signal.aborted) {
      assertVersion(this.builds, this.view);
      heartbeat(this.feeder.held.position);
      if (this.feeder.held.version === this.view.version) await this.feed();
      else await this.awaitRebuild();
    }
  }

  private async awaitRebuild(): Promise<void> {
    const { tail, signal, requestRebuild } = this.deps;
    await requestRebuild(this.view);
    await tail.waitBeyond(Infinity, signal, RELOAD_AFTER_MS, this.wakeCount);
    await this.reload();
  }

  /** Waits for the next events, and applies them. */
  private async feed(): Promise<void> {
    const { db, tail, signal } = this.deps;
    const { position } = this.feeder.held;
    const hasEvents = (await tail.waitBeyond(position, signal, this.waitMs, this.wakeCount)) > position;
    this.waitMs = MAX_WAIT_MS;
    const beganAt = Date.now();
    const generation = generationOf(this.feeder.held);
    const recent = tail.pages.recent(generation, position, BATCH_SIZE);
    if (recent !== undefined) return await this.apply(recent, beganAt);
    const events = await tail.pages.read(generation, position, BATCH_SIZE);
    // The generations are read after the events, so the events belong to the current generation or
    // to an earlier one.
    const generations = await feedGenerations(this.log, db);
    if (generations.current.generation !== generation) await this.changeGeneration(generations);
    else if (events !== undefined && events.length > 0) await this.apply(events, beganAt);
    else await this.skipLost(hasEvents);
  }

  private async apply(events: readonly PositionedEvent[], beganAt: number): Promise<void> {
    if (!(await this.feeder.apply(events))) await this.reload();
    if (events.length < BATCH_SIZE) await pause(beganAt + PACE_MS - Date.now(), this.deps.signal);
  }

  /**
   * Continues in the current generation, if the build has no event that this generation may lack.
   * Otherwise requests a rebuild.
   */
  private async changeGeneration(generations: Generations): Promise<void> {
    const { signal, requestRebuild } = this.deps;
    const { held } = this.feeder;
    if (held.position <= generations.commonWith(generationOf(held))) {
      await this.feeder.enterGeneration(generations.current.generation);
    } else {
      await requestRebuild(this.view);
      await pause(RELOAD_AFTER_MS, signal);
      // The feeder does not wait for events now: it requests the rebuild until the new build is
      // active.
      this.waitMs = 0;
    }
    await this.reload();
  }

  /** @param hasEvents true if the tail has announced events that the read did not find */
  private async skipLost(hasEvents: boolean): Promise<void> {
    const { db, signal } = this.deps;
    await this.reload();
    const afterGap = await positionAfterLost(this.log, db, this.feeder.held.position);
    if (afterGap > this.feeder.held.position) await this.feeder.skipTo(afterGap);
    else if (hasEvents) await pause(RELOAD_AFTER_MS, signal);
  }

  /** Reads the builds again. The feeder continues from the active one, if that has changed. */
  private async reload(): Promise<void> {
    this.wakeCount = this.deps.tail.wakeCount;
    this.builds = await readIfMine(this.deps.db, this.view, this.builds.epoch);
    const { collection, position, parked } = this.feeder.held;
    const isAsKnown =
      this.builds.collection === collection &&
      this.builds.position === position &&
      this.builds.parked === parked;
    if (!isAsKnown) this.feeder.resume(this.builds);
  }
}

/**
 * @throws Fenced if the active build is of another version than this process, unless this process
 *   has a newer version than both the active and the previous build
 */
function assertVersion({ version, previous }: ViewBuilds, view: AnyView): void {
  if (version === view.version || view.version > Math.max(version, previous?.version ?? 0)) return;
  throw new Fenced(`The view ${view.name} is of version ${version}; here is ${view.version}.`);
}

/** @throws Fenced if another process feeds the view */
async function readIfMine(db: Db, { name }: AnyView, epoch: number): Promise<ViewBuilds> {
  const state = await buildsOf(db, name);
  if (state === undefined || state.epoch !== epoch)
    throw new Fenced(`Another process feeds the view ${name}.`);
  return state;
}
