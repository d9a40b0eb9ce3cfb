import { withoutSecrets } from '../../redaction.js';
import { addressOf } from '../../server/config/addresses.js';
import { apiKeyOf } from '../script/api-key.js';
import { usageFailure } from '../script/failure.js';
import { type CommonOptions, configOf, type Session } from '../script/script.js';
import { type Api, connectApi } from './api.js';

/* Where the API is: as an option says, or the environment. */

/** The API at `--url`, or else at `ORDERS_URL`, or else at `HTTP_HOST` and `HTTP_PORT`. */
export function apiOf(session: Session, options: CommonOptions): Api {
  const given = givenAddress(session, options);
  if (given !== undefined) return connectApi(given, apiKeyOf(session, options));
  const { host, port } = configOf(session).http;
  return connectApi(addressOf(host, port), apiKeyOf(session, options));
}

/** What the help of a script that uses `operationsApiOf` says about it. */
export const OPERATIONS_API_HELP =
  'If OPS_PORT is set and no address is given, it asks the API at that port.';

/**
 * The operations API at `OPS_PORT` of `HTTP_HOST`. If an address is given, or `OPS_PORT` is not
 * set, it is the same as `apiOf`.
 */
export function operationsApiOf(session: Session, options: CommonOptions): Api {
  if (givenAddress(session, options) !== undefined) return apiOf(session, options);
  const { host, port, opsPort = port } = configOf(session).http;
  return connectApi(addressOf(host, opsPort), apiKeyOf(session, options));
}

/** @throws Failure if the address cannot be used */
function givenAddress({ env }: Session, { url }: CommonOptions): string | undefined {
  const given = url ?? (env['ORDERS_URL'] === '' ? undefined : env['ORDERS_URL']);
  if (given === undefined) return undefined;
  const parsed = URL.canParse(given) ? new URL(given) : undefined;
  if (parsed === undefined || !/^https?:$/.test(parsed.protocol))
    throw usageFailure(`"${withoutSecrets(given)}" is no URL of the API: expected http://host:port`);
  if (parsed.username !== '' || parsed.password !== '')
    throw usageFailure(
      `${withoutSecrets(given)} has a user name or password, which the API does not take: give a key with ` +
        'ORDERS_KEY or --key-file',
    );
  return given;
}
