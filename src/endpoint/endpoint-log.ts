import type { EntityLog, StateDocument } from '../log/journal/entity-log.js';
import { type Endpoint, type EndpointEvent, endpoints } from './endpoint.js';

/** The log of webhook endpoints. */
export const endpointLog: EntityLog<Endpoint, EndpointEvent> = {
  entity: endpoints,
  feed: 'endpoint-feed',
  journal: 'endpoint-journal',
  view: {
    collection: 'endpoints',
    version: 2,
    indexes: [{ key: { finished: 1, _id: 1 }, partialFilterExpression: { finished: false } }],
    toDocument,
  },
  shape: { of: (endpoint) => endpoint, ids: [] },
  startOptions: ({ url }, { commandId, hash }) => ({ memo: { hash, commandId }, staticSummary: url }),
  reconciliations: 'endpoint_reconciliations',
  commands: {
    resume: (id) => `npx orders resume ${id} --entity endpoint`,
    verify: (id) => `npx orders verify --order ${id} --entity endpoint`,
  },
};

/** An endpoint in the view `endpoints`: its state, and the state that the next event is folded on. */
function toDocument(endpoint: Endpoint): Endpoint & StateDocument<Endpoint> {
  return {
    ...endpoint,
    _id: endpoint.orderId,
    finished: endpoints.isFinished(endpoint),
    state: endpoint,
  };
}
