import { hideSecret } from '../../redaction.js';
import { ConfigError, type Env, secret } from './variables.js';

/** A list with at least one secret. */
export type Secrets = readonly [string, ...string[]];

/**
 * Secrets that everyone can know. They are accepted only if `SANDBOX` is on, or if the process does
 * not use the secret. By default, `SANDBOX` is on if the API and all servers are on a loopback
 * interface.
 */
const SANDBOX_SECRETS = {
  CURSOR_SECRET: 'sandbox-cursor-secret',
  PAYMENTS_WEBHOOK_SECRET: `whsec_${Buffer.from('sandbox-payments-webhook-secret').toString('base64')}`,
  CARRIERS_WEBHOOK_SECRET: `whsec_${Buffer.from('sandbox-carriers-webhook-secret').toString('base64')}`,
};

export type SecretName = keyof typeof SANDBOX_SECRETS;

/** Reads a list whose items are separated by commas or line ends. */
export function readSecrets(env: Env, name: SecretName, isSandboxAllowed: boolean): Secrets {
  const given = secret(env, name);
  if (given === undefined) {
    if (isSandboxAllowed) return [SANDBOX_SECRETS[name]];
    throw new ConfigError(
      `${name} is missing: set it or ${name}_FILE, or SANDBOX=on if nothing here is real.`,
    );
  }
  const [first, ...others] = given
    .split(/[,\n]/)
    .map((item) => item.trim())
    .filter((item) => item !== '')
    .map((item) => readSecretItem(name, item, isSandboxAllowed));
  if (first === undefined) throw new ConfigError(`${name} is an empty list: expected at least one secret.`);
  return [first, ...others];
}

function readSecretItem(name: SecretName, item: string, isSandboxAllowed: boolean): string {
  if (item === SANDBOX_SECRETS[name]) {
    if (isSandboxAllowed) return item;
    throw new ConfigError(
      `${name} has the sandbox's secret, which is public: set another one, or SANDBOX=on if nothing here is real.`,
    );
  }
  if (name === 'CURSOR_SECRET') {
    if (item.length < 16) throw new ConfigError(`${name} is too short: expected at least 16 characters.`);
  } else {
    const [, base64 = ''] = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(item) ?? [];
    if (Buffer.from(base64, 'base64').length < 24) {
      throw new ConfigError(
        `${name} cannot be used: expected whsec_ followed by at least 24 bytes in base64.`,
      );
    }
  }
  hideSecret(item);
  return item;
}
