import { problem } from '../problem.js';
import type { Http } from '../http.js';
import { setHeadersOfData } from './headers.js';
import { refuseOtherHosts } from './hosts.js';
import { type CountRefused, limitRates } from './rates.js';
import { isSafe, refuseOtherOrigins } from './origins.js';

/** Whose requests an application takes. */
export interface Edge {
  /** names of this host, in lower case, besides `localhost` and IP addresses */
  readonly hosts: readonly string[];
  /** origins of pages that may use it, besides its own */
  readonly origins: readonly string[];
  /** requests that a caller may send in a minute; absent for any number */
  readonly perMinute?: number;
}

/**
 * What is checked first for every request, and set for every answer, errors included.
 *
 * @returns what counts requests that are refused later; undefined without a limit
 */
export async function guardEdge(
  app: Http,
  { hosts, origins, perMinute }: Edge,
): Promise<CountRefused | undefined> {
  describeRefusals(app);
  setHeadersOfData(app);
  refuseOtherHosts(app, hosts);
  await refuseOtherOrigins(app, origins);
  return perMinute === undefined ? undefined : await limitRates(app, perMinute);
}

/** Adds the answers of this check to each route in OpenAPI. */
function describeRefusals(app: Http): void {
  app.addHook('onRoute', (route) => {
    const { schema, method } = route;
    if (schema === undefined || schema.hide === true) return;
    const refusals = { 421: problem(421), 431: problem(431), ...(!isSafe(method) && { 403: problem(403) }) };
    route.schema = { ...schema, response: { ...refusals, ...Object(schema.response) } };
  });
}
