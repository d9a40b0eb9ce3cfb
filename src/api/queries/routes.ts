import type { Client } from '@temporalio/client';
import type { Db } from 'mongodb';
import type { Secrets } from '../../server/config/secrets.js';
import type { KafkaTopics } from '../../kafka/settings.js';
import type { Providers } from '../../effects/provider-modules.js';
import type { FeedTail } from '../../log/feed/tail.js';
import type { PersonalDataAtEdge } from '../access/personal-data.js';
import type { Http } from '../http.js';
import type { CachedOrders } from '../../views/cache/cached-orders.js';
import { createCursors } from './cursor.js';
import { registerOrderCounts } from './routes-order-counts.js';
import type { OrderReader } from './order-reader.js';
import { registerAttention } from './routes-attention.js';
import { createPast } from './past-orders.js';
import { registerEndpointQueries } from './routes-endpoints.js';
import { registerFeed } from './feed/routes-feed.js';
import { registerOrder } from './routes-order.js';
import { registerOrderEvents } from './routes-order-events.js';
import { registerOrderList } from './routes-order-list.js';
import { registerPersonalDataQueries } from './routes-personal-data.js';
import { registerNext } from './routes-next.js';
import { registerParked } from './routes-parked.js';
import { registerProjections } from './routes-projections.js';
import { registerProof } from './routes-proof.js';
import { registerReaders } from './feed/routes-readers.js';
import { registerSubscriptions } from './feed/routes-subscriptions.js';
import { registerStreams } from './feed/routes-streams.js';
import { registerStockQueries } from './routes-stock.js';
import { registerDiff } from './routes-diff.js';
import { registerViewQueries } from './routes-views.js';

export interface QueryDeps {
  readonly client: Client;
  readonly db: Db;
  readonly tail: FeedTail;
  readonly cachedOrders: CachedOrders;
  readonly reader: OrderReader;
  readonly personalData: PersonalDataAtEdge;
  /** the task queue of the entities' workflows */
  readonly taskQueue: string;
  /** the providers of the workers */
  readonly providers: Providers;
  /** what is owed, pending, undecided, failing or waiting for longer than this needs an operator */
  readonly attentionAfterMs: number;
  readonly cursorSecrets: Secrets;
  /** undefined without Kafka */
  readonly kafka: KafkaTopics | undefined;
  /** address of the Temporal Web UI, if it is known */
  readonly uiUrl: string | undefined;
}

/** Registers the routes of the read side. */
export function registerQueries(app: Http, deps: QueryDeps): void {
  const { client, db, reader, personalData, taskQueue, attentionAfterMs, kafka } = deps;
  const cursors = createCursors(deps.cursorSecrets);
  const past = createPast(db, reader);
  const attention = { client, db, taskQueue, attentionAfterMs, kafka };
  registerOrder(app, { ...deps, past, attention });
  registerOrderList(app, { ...deps, cursors });
  registerOrderEvents(app, deps);
  registerNext(app, deps);
  registerProof(app, deps);
  registerAttention(app, { ...attention, cursors });
  registerDiff(app, past);
  registerFeed(app, db);
  registerStreams(app, deps);
  registerReaders(app, db);
  registerEndpointQueries(app, db);
  registerSubscriptions(app, deps);
  registerOrderCounts(app, db);
  registerStockQueries(app, { db, cursors });
  registerViewQueries(app, { db, cursors });
  registerPersonalDataQueries(app, {
    db,
    databases: { client, db, taskQueue },
    attention,
    open: (value) => personalData.open(value),
  });
}

/**
 * Registers the routes that show operators the state of the views. Both roles, `read` and `write`,
 * serve these routes, and also those that repair views.
 */
export function registerViewStates(app: Http, db: Db): void {
  registerProjections(app, db);
  registerParked(app, db);
}
