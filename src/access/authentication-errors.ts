/** The credentials of a request are missing or not valid. */
export class NotAuthenticated extends Error {
  override readonly name = 'NotAuthenticated';
  /** `unauthenticated` if the request has no credentials */
  readonly code: 'unauthenticated' | 'invalid_key' | 'invalid_token';

  /** @param message what is wrong, and what to do */
  constructor(code: NotAuthenticated['code'], message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * Credentials cannot be checked now: MongoDB or the issuer of tokens is unavailable, or too many
 * unknown keys are being read.
 */
export class AccessUnavailable extends Error {
  override readonly name = 'AccessUnavailable';
}
