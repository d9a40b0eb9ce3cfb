import type { Db } from 'mongodb';
import { committedInTime } from '../../mongodb/durability.js';
import { journal } from '../journal/journal.js';
import { type FeedLag, feedLag } from '../feed/lag.js';
import { ageOf } from '../time.js';
import { type ViewBuilds, viewBuilds, type Rebuild } from './view-builds.js';
import type { AnyLog } from '../entity-log/entity-log.js';
import type { AnyView } from './view.js';

/** The status of a feed view: of its active build, and of its rebuild if one is under way. */
export interface ViewStatus {
  readonly name: string;
  /** the version of the fold that built the active build; 0 if the view was never fed */
  readonly version: number;
  /** the version of the fold that this process has */
  readonly latestVersion: number;
  readonly position: number;
  /** the head of the feed */
  readonly head: number;
  readonly eventsBehind: number;
  /** age of the oldest event that is not applied; 0 if there is none */
  readonly msBehind: number;
  /** number of events that are parked */
  readonly parked: number;
  /** ISO-8601 UTC, when `position` last changed */
  readonly at?: string;
  /** the id of the rebuild that made the active build; absent for the first build */
  readonly rebuildId?: string;
  /** the build that a roll-back returns to */
  readonly previous?: { readonly version: number; readonly position: number };
  readonly rebuilding?: RebuildProgress;
}

/** The progress of a rebuild: in events for a feed view, in entities for a store. */
export interface RebuildProgress {
  readonly rebuildId: string;
  readonly startedAt: string;
  readonly done: number;
  /** as far as known */
  readonly total: number;
  /** average since the current worker took over */
  readonly perSecond: number;
  /** absent while unknown */
  readonly secondsLeft?: number;
}

/** The feed of a log, and its feed views. */
export interface ViewsStatus {
  /** the lag of the sequencer */
  readonly feed: FeedLag;
  readonly views: readonly ViewStatus[];
}

export async function viewsStatus(log: AnyLog, db: Db, views: readonly AnyView[]): Promise<ViewsStatus> {
  const [feed, states] = await Promise.all([
    feedLag(log, db),
    viewBuilds(db).find({}, committedInTime).toArray(),
  ]);
  const statusOf = async (view: AnyView): Promise<ViewStatus> => {
    const state = states.find(({ _id }) => _id === view.name);
    const position = state?.position ?? 0;
    const next =
      position < feed.head
        ? await journal(log, db).findOne(
            { position: { $gt: position } },
            { ...committedInTime, projection: { recordedAt: 1 }, sort: { position: 1 } },
          )
        : undefined;
    return { ...toStatus(view, state, feed.head), msBehind: ageOf(next?.recordedAt) };
  };
  return { feed, views: await Promise.all(views.map(statusOf)) };
}

/** Describes what lags more than `limitMs` and what is parked; undefined if nothing is. */
export function lagBeyond({ feed, views: all }: ViewsStatus, limitMs: number): string | undefined {
  const late = (ms: number) => `${Math.round(ms / 1_000)} s behind`;
  const found = [
    ...(feed.behindMs > limitMs
      ? [`${feed.unsequenced} events without a position, ${late(feed.behindMs)}`]
      : []),
    ...all.flatMap(({ name, eventsBehind, msBehind }) =>
      msBehind > limitMs ? [`${name}: ${eventsBehind} events, ${late(msBehind)}`] : [],
    ),
    ...all.flatMap(({ name, parked }) => (parked > 0 ? [`${name}: ${parked} events parked`] : [])),
  ];
  return found.length === 0 ? undefined : found.join('; ');
}

function toStatus(
  { name, version }: AnyView,
  state: ViewBuilds | undefined,
  head: number,
): Omit<ViewStatus, 'msBehind'> {
  const position = state?.position ?? 0;
  const { at, rebuildId, previous, rebuilding } = state ?? {};
  return {
    name,
    version: state?.version ?? 0,
    latestVersion: version,
    position,
    head,
    eventsBehind: Math.max(0, head - position),
    parked: state?.parked ?? 0,
    ...(at === undefined ? {} : { at }),
    ...(rebuildId === undefined ? {} : { rebuildId }),
    ...(previous && { previous: { version: previous.version, position: previous.position } }),
    ...(rebuilding === undefined ? {} : { rebuilding: progressOfRebuild(rebuilding, head) }),
  };
}

function progressOfRebuild(
  { rebuildId, startedAt, position, eventsPerSecond }: Rebuild,
  head: number,
): RebuildProgress {
  const left = timeLeft(head - position, eventsPerSecond);
  return { rebuildId, startedAt, done: position, total: head, perSecond: eventsPerSecond, ...left };
}

/** How long a rebuild still takes at this rate; empty while the rate is unknown. */
export function timeLeft(left: number, perSecond: number): Pick<RebuildProgress, 'secondsLeft'> {
  return perSecond > 0 ? { secondsLeft: Math.ceil(Math.max(0, left) / perSecond) } : {};
}
