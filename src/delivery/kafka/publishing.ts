import type { Db } from 'mongodb';
import type { FeedPlace } from '../../log/feed/place.js';
import { readFeed, positionAfterLost } from '../../log/feed/feed.js';
import { feedGenerations } from '../../log/feed/generations.js';
import type { LeasedTask } from '../../log/leases/leased-tasks.js';
import type { FeedTail } from '../../log/feed/tail.js';
import { orderLog } from '../../order-log.js';
import { chosenEvents } from '../chosen-events.js';
import { kafkaProblem } from '../../kafka/kafka-problem.js';
import { type EncodedRecord, recordOf } from './records.js';
import {
  clearFailure,
  publishingTask,
  storeFailure,
  storePlace,
  storePublished,
} from './publishing-progress.js';
import { openSession, type Session } from './session.js';
import { type KafkaSettings, topicsOf } from '../../kafka/settings.js';

export interface PublishingDeps {
  readonly db: Db;
  /** the tail of the feed of orders */
  readonly tail: FeedTail;
  readonly settings: KafkaSettings;
  /** The id of this system; undefined while it is unknown. */
  readonly system: () => Promise<string | undefined>;
}

/** Maximum number of events in a transaction. */
const MAX_EVENTS = 2_000;
/** The same maximum for the payload `order`, which adds the order after each event. */
const MAX_EVENTS_WITH_ORDERS = 200;
const LOOK_EVERY_MS = 10_000;

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
        await storeFailure(db, topic, problem).catch(() => undefined);
        throw new Error(problem, { cause: error });
      } finally {
        await session?.close();
      }
    },
  };
}

/** A page of the feed as records, and the generation that was current when it was read. */
interface Page {
  readonly generation: number;
  /** the position after which the page begins */
  readonly after: number;
  /** the records of the events that match the selection; maybe none */
  readonly records: readonly EncodedRecord[];
  /**
   * the position to continue after: the last one on the page, whether its event is chosen, left out
   * or lost
   */
  readonly last: number;
  /** more events may follow immediately */
  readonly isFull: boolean;
}

async function publish(
  { db, tail, settings }: PublishingDeps,
  session: Session,
  signal: AbortSignal,
  heartbeat: () => void,
): Promise<void> {
  const { events: topic } = topicsOf(settings);
  const { selection } = settings;
  const { payload } = selection;
  const most = payload === 'order' ? MAX_EVENTS_WITH_ORDERS : MAX_EVENTS;
  await storePlace(db, topic, session.checkpoint);
  let generations = await feedGenerations(orderLog, db);
  const read = async (checkpoint: FeedPlace): Promise<Page> => {
    for (;;) {
      const { generation, position } = generations.inCurrent(checkpoint);
      const events = await readFeed(orderLog, db, position, most);
      const last = events.at(-1)?.position ?? (await positionAfterLost(orderLog, db, position));
      // The generations are read after the events: if the current one is the same as before, the
      // events belong to it.
      generations = await feedGenerations(orderLog, db);
      if (generations.current.generation !== generation) continue;
      const form = { topic, generation, payload };
      const chosen = await chosenEvents(db, selection, events);
      const records = chosen.map(({ event, order }) => recordOf(form, event, order));
      return { generation, after: position, records, last, isFull: events.length === most };
    }
  };
  let nextPage: Promise<Page> | undefined;
  while (!signal.aborted) {
    heartbeat();
    const { generation, after, records, last, isFull }: Page = await (nextPage ?? read(session.checkpoint));
    // After a full page, the next one is read while this one is published.
    nextPage = isFull ? read({ generation, position: last }) : undefined;
    // This prevents an unhandled rejection. The await at the start of the loop throws the failure.
    nextPage?.catch(() => undefined);
    if (last > after) {
      // A transaction without records also moves the checkpoint past the events that are left out.
      const place = { generation, position: last };
      await session.publish(records, place);
      await storePublished(db, topic, place, records.length);
    } else {
      await clearFailure(db, topic);
      await tail.waitBeyond(after, signal, LOOK_EVERY_MS);
    }
  }
}
