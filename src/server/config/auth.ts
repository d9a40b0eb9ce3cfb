import { isLoopback } from './addresses.js';
import type { Role } from './roles.js';
import { bad, ConfigError, type Env, oneOf, text, value } from './variables.js';

/** Who may use the API. */
export interface AuthConfig {
  /** false: every caller may do everything, which is allowed only on a loopback address */
  readonly isOn: boolean;
  /** absent without an OpenID issuer */
  readonly tokens?: {
    /** its URL: `iss` of its tokens */
    readonly issuer: string;
    /** this API's name at the issuer: `aud` of the tokens */
    readonly audience: string;
    /** name of the claim that has the scopes */
    readonly scopesClaim: string;
  };
}

/**
 * @throws ConfigError if the API would be open to more than this machine, or a variable cannot be
 *   used
 */
export function readAuth(env: Env, host: string, roles: ReadonlySet<Role>): AuthConfig {
  const isOn = oneOf(env, 'AUTH', ['on', 'off'], 'off') === 'on';
  const issuer = value(env, 'AUTH_ISSUER');
  const audience = value(env, 'AUTH_AUDIENCE');
  const scopesClaim = text(env, 'AUTH_SCOPES_CLAIM', 'scope');
  const isServed = roles.has('write') || roles.has('read');
  if (!isOn && isServed && !isLoopback(host)) {
    throw new ConfigError(
      `AUTH=on is missing: it must be set when HTTP_HOST (${host}) is not a loopback address.`,
    );
  }
  if (issuer === undefined && audience === undefined) return { isOn };
  if (issuer === undefined)
    throw new ConfigError('AUTH_ISSUER is missing: AUTH_AUDIENCE is for the tokens of an issuer.');
  if (!isIssuer(issuer)) throw bad('AUTH_ISSUER', issuer, 'the https URL of an OpenID issuer');
  if (audience === undefined)
    throw new ConfigError(
      'AUTH_AUDIENCE is missing: it says which tokens of AUTH_ISSUER are meant for this API.',
    );
  if (!isOn && isServed) throw new ConfigError('AUTH=on is missing: AUTH_ISSUER is of no use without it.');
  return { isOn, tokens: { issuer, audience, scopesClaim } };
}

/** An issuer is accepted over https, and over http on this machine only. */
function isIssuer(given: string): boolean {
  const { protocol, hostname, search, hash } = URL.canParse(given) ? new URL(given) : new URL('none:');
  const isSafe = protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname));
  return isSafe && search === '' && hash === '';
}
