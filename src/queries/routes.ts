import type { Client } from '@temporalio/client';
import type { Db } from 'mongodb';
import { followFeed } from '../event-log/feed.js';
import type { Http } from '../platform/http.js';
import { createCursors } from './cursor.js';
import { createOrderReader } from './order-reader.js';
import { registerFeedQueries } from './routes-feed.js';
import { registerOrderQueries } from './routes-orders.js';
import { registerStockQueries } from './routes-stock.js';

export interface QueryDeps {
  readonly client: Client;
  readonly db: Db;
  /** signs the cursors of lists */
  readonly cursorSecret: string;
}

/** The read side. */
export function registerQueries(app: Http, { client, db, cursorSecret }: QueryDeps): void {
  const cursors = createCursors(cursorSecret);
  const reader = createOrderReader(client, db);
  const tail = followFeed(db);
  app.addHook('onClose', () => tail.stop());
  registerOrderQueries(app, { db, cursors, reader });
  registerFeedQueries(app, { db, reader, tail });
  registerStockQueries(app, { db, cursors });
}
