import { KEY_PREFIX } from './key-format.js';
import type { KnownKeys } from './known-keys.js';
import type { Principal } from './principal.js';
import { NotAuthenticated } from './authentication-errors.js';
import type { Tokens } from './tokens.js';

/** Identifies the sender of a request by its `Authorization` header. */
export type Authenticate = (authorization: string | undefined) => Promise<Principal>;

/**
 * Accepts API keys and, if there is an issuer, access tokens, both as `Authorization: Bearer`.
 *
 * @throws NotAuthenticated or AccessUnavailable
 */
export function createAuthenticate(keys: KnownKeys, tokens?: Tokens): Authenticate {
  return async (authorization) => {
    const [, credentials] = /^Bearer +(\S+) *$/i.exec(authorization ?? '') ?? [];
    if (credentials === undefined) {
      const kinds = tokens === undefined ? '<API key>' : '<API key or access token>';
      throw new NotAuthenticated(
        'unauthenticated',
        `Send Authorization: Bearer ${kinds}. \`npx orders keys create\` makes an API key.`,
      );
    }
    if (credentials.startsWith(KEY_PREFIX) || tokens === undefined) return await keys.check(credentials);
    return await tokens.check(credentials);
  };
}
