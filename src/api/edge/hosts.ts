import { isIP } from 'node:net';
import { HttpProblem } from '../problem.js';
import type { Http } from '../http.js';

const LOOPBACK = 'localhost';

/**
 * Refuses requests for another host name, because another site can make its own name resolve to
 * this address (DNS rebinding). Requests by IP address, such as health checks, pass, because the
 * name of a site cannot be an address.
 *
 * @param names the host names of this API, in lower case, besides `localhost`
 */
export function refuseOtherHosts(app: Http, names: readonly string[]): void {
  const known = new Set([LOOPBACK, ...names]);
  app.addHook('onRequest', (request, _reply, done) => {
    const { host } = request.headers;
    // Only browsers can be misled by DNS rebinding, and a browser always sends `Host`.
    if (host === undefined || isKnown(host, known)) return done();
    const detail = `This API is not known as ${host}. Its names are in ALLOWED_HOSTS.`;
    return done(new HttpProblem(421, 'host_not_allowed', detail));
  });
}

function isKnown(host: string, known: ReadonlySet<string>): boolean {
  const [, ipv6, name = ''] = /^(?:\[([\da-f:.]+)\]|([^:]+))(?::\d+)?$/i.exec(host) ?? [];
  return isIP(ipv6 ?? name) !== 0 || known.has(name.toLowerCase());
}
