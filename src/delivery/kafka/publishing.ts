import type { Db } from 'mongodb';
import { readFeed, skipLostPositions } from '../../log/feed/feed.js';
import { feedGenerations } from '../../log/feed/generations.js';
import type { LeasedTask } from '../../log/feed/leased-tasks.js';
import type { FeedTail } from '../../log/feed/tail.js';
import { orderLog } from '../../order-log.js';
import { placeIn } from '../subscription.js';
import { kafkaProblem } from './connection.js';
import { groups, recordOf } from './records.js';
import { noteDone, noteFailed, notePlace, notePublished, publishingTask } from './rows.js';
import { openSession, type Session } from './session.js';
import { type KafkaSettings, topicsOf } from './settings.js';

export interface PublishingDeps {
  readonly db: Db;
  /** of the feed of orders */
  readonly tail: FeedTail;
  readonly settings: KafkaSettings;
  /** Tells this system from others; undefined if that is not known now. */
  readonly system: () => Promise<string | undefined>;
}

const PAGE = 1_000;
const LOOK_EVERY_MS = 10_000;

/** The task that publishes the feed in a topic of Kafka. */
export function publishFeed(deps: PublishingDeps): LeasedTask {
  const { db, settings, system } = deps;
  const { events: topic } = topicsOf(settings);
  return {
    name: publishingTask,
    async work(signal, heartbeat) {
      let session: Session | undefined;
      try {
        session = await openSession({ settings, system: await system(), signal });
        await publish(deps, session, signal, heartbeat);
      } catch (error) {
        const problem = kafkaProblem(error);
        if (signal.aborted) return;
        await noteFailed(db, topic, problem).catch(() => undefined);
        throw new Error(problem, { cause: error });
      } finally {
        await session?.close();
      }
    },
  };
}

async function publish(
  { db, tail, settings }: PublishingDeps,
  session: Session,
  signal: AbortSignal,
  heartbeat: () => void,
): Promise<void> {
  const { events: topic } = topicsOf(settings);
  await notePlace(db, topic, session.checkpoint);
  let generations = await feedGenerations(orderLog, db);
  while (!signal.aborted) {
    heartbeat();
    const { generation, position } = placeIn(generations, session.checkpoint);
    const events = await readFeed(orderLog, db, position, PAGE);
    const last = events.at(-1)?.position ?? (await skipLostPositions(orderLog, db, position));
    // Asked after the events were read, so they are of this generation.
    generations = await feedGenerations(orderLog, db);
    if (generations.current.generation !== generation) continue;
    const records = events.map((event) => ({
      record: recordOf(topic, event, generation),
      position: event.position,
    }));
    for (const group of groups(records)) {
      if (signal.aborted) return;
      const place = { generation, position: group.at(-1)?.position ?? last };
      await session.publish(
        group.map(({ record }) => record),
        place,
      );
      await notePublished(db, topic, place, group.length);
    }
    if (events.length > 0) continue;
    if (last > position) {
      const place = { generation, position: last };
      await session.publish([], place);
      await notePublished(db, topic, place, 0);
    } else {
      await noteDone(db, topic);
      await tail.waitBeyond(position, signal, LOOK_EVERY_MS);
    }
  }
}
