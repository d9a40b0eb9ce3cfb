import type { Db } from 'mongodb';
import type { Endpoint } from '../../endpoint/endpoint.js';
import { endpointLog } from '../../endpoint/endpoint-log.js';
import type { StateDocument } from '../../log/entity-log/state-view.js';

/** The filter for endpoints that get events. */
export const enabledEndpoints = { finished: false, status: 'enabled' } as const;

/** The id of an endpoint. Every entity keeps its id as `orderId`: the name is persisted. */
export function endpointIdOf({ orderId }: Endpoint): string {
  return orderId;
}

export function endpointViews(db: Db) {
  return db.collection<StateDocument<Endpoint>>(endpointLog.view.collection);
}
