import type { Databases } from '../../databases.js';
import type { Http } from '../http.js';
import { keyRequests } from './request.js';
import { registerDeliveries } from './routes-deliveries.js';
import type { EndpointDeps } from './endpoint-requests.js';
import { registerEndpoints } from './routes-endpoints.js';
import { type OrderCommandDeps, registerOrderCommands } from './routes-orders.js';
import { type PersonalDataCommandDeps, registerPersonalDataCommands } from './routes-personal-data.js';
import { registerParkedCommands } from './routes-parked.js';
import { registerProjectionCommands } from './routes-projections.js';
import { registerResume, type ResumeRouteDeps } from './routes-resume.js';
import { registerStockCommands, type StockCommandDeps } from './routes-stock.js';
import { registerIncomingWebhooks, type IncomingWebhookDeps } from './routes-incoming-webhooks.js';

export type CommandDeps = OrderCommandDeps &
  PersonalDataCommandDeps &
  ResumeRouteDeps &
  IncomingWebhookDeps &
  StockCommandDeps &
  EndpointDeps;

/** Registers the routes of the write side. */
export function registerCommands(app: Http, deps: CommandDeps): void {
  void app.register(async (scope: Http) => {
    keyRequests(scope);
    registerOrderCommands(scope, deps);
    registerPersonalDataCommands(scope, deps);
    registerResume(scope, deps);
    registerStockCommands(scope, deps);
    registerEndpoints(scope, deps);
    registerDeliveries(scope, deps);
  });
  registerIncomingWebhooks(app, deps);
}

/** Registers the routes that repair views. Both roles, `write` and `read`, serve them. */
export function registerViewRepairs(app: Http, databases: Databases): void {
  registerProjectionCommands(app, databases);
  registerParkedCommands(app, databases.db);
}
