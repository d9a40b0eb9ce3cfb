import { withoutSecrets } from '../../redaction.js';
import { addressOf } from '../../server/address.js';
import { usageFailure } from '../script/failure.js';
import { keyOf } from '../script/sender.js';
import { type CommonOptions, configOf, type Session } from '../script/session.js';
import { type Api, connectApi } from './api.js';

/** The API of `--url`, `ORDERS_URL`, or `HTTP_HOST` and `HTTP_PORT`. */
export function apiOf(session: Session, options: CommonOptions): Api {
  const given = options.url ?? session.env['ORDERS_URL'];
  const key = keyOf(session, options);
  if (given !== undefined && given !== '') {
    if (!/^https?:$/.test(URL.canParse(given) ? new URL(given).protocol : ''))
      throw usageFailure(`${withoutSecrets(given)} is no URL of the API: expected http://host:port`);
    return connectApi(given, key);
  }
  const { host, port } = configOf(session).http;
  return connectApi(addressOf(host, port), key);
}

/**
 * The operations API: on the port `OPS_PORT` of `HTTP_HOST` if that variable is set, unless an
 * address is given.
 */
export function operationsApiOf(session: Session, options: CommonOptions): Api {
  const { host, opsPort } = configOf(session).http;
  const given = options.url ?? session.env['ORDERS_URL'] ?? '';
  if (opsPort === undefined || given !== '') return apiOf(session, options);
  return apiOf(session, { ...options, url: addressOf(host, opsPort) });
}
