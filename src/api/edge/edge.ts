import { problemResponses } from '../problem.js';
import type { Http } from '../http.js';
import { setHeadersOfData } from './headers.js';
import { refuseOtherHosts } from './hosts.js';
import { type RefusalCounter, limitRates } from './rates.js';
import { isSafe, refuseOtherOrigins } from './origins.js';

/** Which requests an application accepts: by host, origin and rate. */
export interface Edge {
  /** names of this host, in lower case, besides `localhost` and IP addresses */
  readonly hosts: readonly string[];
  /** origins of pages that may use the application, besides its own */
  readonly origins: readonly string[];
  /** requests that a caller may send in a minute; absent: no limit */
  readonly perMinute?: number;
}

/**
 * Registers the checks of every request by host, origin and rate, and sets the headers of every
 * answer, including errors.
 *
 * @returns a function that counts requests which are refused later; undefined without a limit
 */
export async function guardEdge(
  app: Http,
  { hosts, origins, perMinute }: Edge,
): Promise<RefusalCounter | undefined> {
  describeRefusals(app);
  setHeadersOfData(app);
  refuseOtherHosts(app, hosts);
  await refuseOtherOrigins(app, origins);
  return perMinute === undefined ? undefined : await limitRates(app, perMinute);
}

/** Adds the refusals of these checks to each route in OpenAPI. */
function describeRefusals(app: Http): void {
  app.addHook('onRoute', (route) => {
    const { schema, method } = route;
    if (schema === undefined || schema.hide === true) return;
    const refusals = { ...problemResponses(421, 431), ...(!isSafe(method) && problemResponses(403)) };
    route.schema = { ...schema, response: { ...refusals, ...Object(schema.response) } };
  });
}
