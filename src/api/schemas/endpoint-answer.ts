import type { Endpoint } from '../../endpoint/endpoint.js';
import type { EndpointAnswer } from './endpoint.js';
import { HttpProblem } from '../problem.js';

/** An endpoint as clients see it. */
export function endpointAnswer(endpoint: Endpoint): EndpointAnswer {
  const { orderId, version, status, disabledBecause, url, eventTypes, customers, ...more } = endpoint;
  const { tags: ofOrders, payload, description, perSecond, updatedAt } = more;
  return {
    endpointId: orderId,
    version,
    status,
    ...(disabledBecause !== undefined && { disabledBecause }),
    url,
    events: [...eventTypes],
    customers: [...customers],
    tags: [...ofOrders],
    payload,
    ...(description !== undefined && { description }),
    ...(perSecond !== undefined && { perSecond }),
    updatedAt,
  };
}

export function noEndpoint(endpointId: string): HttpProblem {
  return new HttpProblem(404, 'endpoint_not_found', `There is no webhook endpoint ${endpointId}.`);
}
