import type { Db } from 'mongodb';
import type { Http } from '../platform/http.js';
import { keyRequests } from './request.js';
import { type OrderCommandDeps, registerOrderCommands } from './routes-orders.js';
import { registerStockCommands } from './routes-stock.js';
import { registerWebhooks, type WebhookDeps } from './routes-webhooks.js';

export type CommandDeps = OrderCommandDeps &
  WebhookDeps & {
    /** where the stock is */
    readonly db: Db;
  };

/** The write side. */
export function registerCommands(app: Http, deps: CommandDeps): void {
  void app.register(async (scope: Http) => {
    keyRequests(scope);
    registerOrderCommands(scope, deps);
    registerStockCommands(scope, deps.db);
  });
  registerWebhooks(app, deps);
}
