import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTPayload, jwtVerify } from 'jose';
import { actorOfSubject } from './actors.js';
import type { Principal } from './principal.js';
import { AccessUnavailable, NotAuthenticated } from './authentication-errors.js';
import { type Scope, scopesIn } from './scopes.js';

export interface TokenSettings {
  /** URL of the OpenID issuer: `iss` of its tokens */
  readonly issuer: string;
  /** this API's name at the issuer: `aud` of the tokens */
  readonly audience: string;
  /** the claim that lists the scopes, as an array or as a text with spaces between them */
  readonly scopesClaim: string;
}

/** Access tokens of an OpenID issuer. */
export interface Tokens {
  /**
   * The user of the token.
   *
   * @throws NotAuthenticated if the token is not valid
   * @throws AccessUnavailable if the issuer is unavailable, and the token is signed with a key that
   *   this process has not loaded, or has loaded too long ago (`keptMs`)
   */
  check(token: string): Promise<Principal>;
}

export interface TokensOptions {
  /**
   * signing keys that were loaded longer ago than this are loaded again in the background, and the
   * request does not wait; 10 min by default
   */
  readonly freshMs?: number;
  /**
   * while the issuer is unavailable, the signing keys are used until this time after they were
   * loaded; 24 h by default
   */
  readonly keptMs?: number;
  /** minimum time between two attempts to load the signing keys; 5 s by default */
  readonly retryMs?: number;
}

/** Only algorithms with a private key: neither `none` nor algorithms with a shared secret. */
const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];
/** Tolerated difference between the issuer's clock and the clock of this machine. */
const CLOCKS_DIFFER_S = 5;
const ANSWER_WITHIN_MS = 3_000;
/** How long the result of a token's check is reused. */
const CHECKED_FOR_MS = 60_000;
const MAX_CHECKED = 10_000;

type KeySet = ReturnType<typeof createLocalJWKSet>;

interface Loaded {
  readonly keys: KeySet;
  readonly at: number;
}

interface Checked {
  readonly principal: Principal;
  /** the time, by `performance.now()`, until which the result is reused */
  readonly until: number;
}

/**
 * Loads the issuer's signing keys when the first token arrives. The issuer's discovery document
 * says where they are.
 */
export function createTokens(
  { issuer, audience, scopesClaim }: TokenSettings,
  { freshMs = 10 * 60_000, keptMs = 24 * 60 * 60_000, retryMs = 5_000 }: TokensOptions = {},
): Tokens {
  let loaded: Loaded | undefined;
  let loading: Promise<Loaded> | undefined;
  let triedAt = Number.NEGATIVE_INFINITY;
  /** Why the last attempt failed; undefined if it succeeded. */
  let failure: string | undefined;
  /** The checked tokens, in the order in which they were checked. */
  let checked = new Map<string, Checked>();

  async function load(): Promise<Loaded> {
    try {
      const keys = createLocalJWKSet(await fetchKeys(issuer));
      // Checked tokens are forgotten too, because the issuer may have withdrawn the key that signed
      // them.
      checked = new Map();
      failure = undefined;
      loaded = { keys, at: performance.now() };
      return loaded;
    } catch (error) {
      failure = error instanceof Error ? error.message : String(error);
      throw unavailable();
    } finally {
      triedAt = performance.now();
    }
  }

  /** Concurrent requests share one attempt. */
  function loadOnce(): Promise<Loaded> {
    loading ??= load().finally(() => (loading = undefined));
    return loading;
  }

  function mayLoad(): boolean {
    return loading !== undefined || performance.now() - triedAt >= retryMs;
  }

  async function currentKeys(): Promise<Loaded> {
    const age = loaded === undefined ? Number.POSITIVE_INFINITY : performance.now() - loaded.at;
    if (loaded !== undefined && age < keptMs) {
      if (age >= freshMs && mayLoad()) loadOnce().catch(() => undefined);
      return loaded;
    }
    if (mayLoad()) return await loadOnce();
    throw unavailable();
  }

  function unavailable(): AccessUnavailable {
    return new AccessUnavailable(`The issuer of tokens, ${issuer}, cannot be asked: ${failure}.`);
  }

  async function verify(token: string): Promise<JWTPayload> {
    const options = {
      issuer,
      audience,
      algorithms,
      clockTolerance: CLOCKS_DIFFER_S,
      requiredClaims: ['sub', 'exp'],
    };
    const known = await currentKeys();
    try {
      return (await jwtVerify(token, known.keys, options)).payload;
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      // The issuer may have added a key since the last attempt.
      if (!mayLoad()) throw failure === undefined ? error : unavailable();
      const { keys } = await loadOnce();
      return (await jwtVerify(token, keys, options)).payload;
    }
  }

  function remember(token: string, principal: Principal, { exp = 0 }: JWTPayload): void {
    const leftMs = exp * 1_000 - Date.now();
    const [oldest] = checked.keys();
    if (checked.size >= MAX_CHECKED && oldest !== undefined) checked.delete(oldest);
    checked.set(token, { principal, until: performance.now() + Math.min(leftMs, CHECKED_FOR_MS) });
  }

  return {
    async check(token) {
      const known = checked.get(token);
      if (known !== undefined && performance.now() < known.until) return known.principal;
      checked.delete(token);
      let payload: JWTPayload;
      try {
        payload = await verify(token);
      } catch (error) {
        if (error instanceof errors.JOSEError) throw invalid(error.message);
        throw error;
      }
      const actor = actorOfSubject(payload.sub ?? '');
      if (actor === undefined) throw invalid('"sub" is empty, too long or not well-formed Unicode');
      const principal = { actor, issuer: actor, scopes: scopesOf(payload[scopesClaim]) };
      remember(token, principal, payload);
      return principal;
    },
  };
}

function invalid(reason: string): NotAuthenticated {
  return new NotAuthenticated('invalid_token', `The access token is not valid: ${reason}. Get a new one.`);
}

function scopesOf(claim: unknown): ReadonlySet<Scope> {
  const given: readonly unknown[] =
    typeof claim === 'string' ? claim.split(' ') : Array.isArray(claim) ? claim : [];
  return scopesIn(given);
}

async function fetchKeys(issuer: string): Promise<JSONWebKeySet> {
  const about = await fetchJson(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`);
  const { issuer: named, jwks_uri: address } = about;
  if (named !== issuer) throw new Error(`its discovery document is of ${String(named)}`);
  if (typeof address !== 'string') throw new Error('its discovery document has no jwks_uri');
  const { keys } = await fetchJson(address);
  if (!Array.isArray(keys)) throw new Error(`${address} has no keys`);
  return { keys };
}

async function fetchJson(address: string): Promise<Readonly<Record<string, unknown>>> {
  const response = await fetch(address, { redirect: 'error', signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
  if (!response.ok) throw new Error(`${address} answers ${response.status}`);
  const found: unknown = await response.json();
  if (typeof found !== 'object' || found === null) throw new Error(`${address} is no JSON object`);
  return found as Readonly<Record<string, unknown>>;
}
