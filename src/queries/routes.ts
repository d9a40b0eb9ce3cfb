import type { Client } from '@temporalio/client';
import type { Db } from 'mongodb';
import type { Http } from '../platform/http.js';
import { createCursors } from './cursor.js';
import { createOrderReader } from './order-reader.js';
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
  registerOrderQueries(app, { db, cursors, reader: createOrderReader(client, db) });
  registerStockQueries(app, { db, cursors });
}
