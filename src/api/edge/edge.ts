import type { Http } from '../server.js';
import { setHeadersOfData } from './headers.js';
import { refuseOtherHosts } from './hosts.js';
import { refuseOtherOrigins } from './origins.js';

/** Whose requests an application takes. */
export interface Edge {
  /** names of this host, in lower case, besides `localhost` and IP addresses */
  readonly hosts: readonly string[];
  /** origins of pages that may use it, besides its own */
  readonly origins: readonly string[];
}

/** What is checked first for every request, and set for every answer, errors included. */
export async function guardEdge(app: Http, { hosts, origins }: Edge): Promise<void> {
  setHeadersOfData(app);
  refuseOtherHosts(app, hosts);
  await refuseOtherOrigins(app, origins);
}
