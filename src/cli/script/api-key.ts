import { readFileSync } from 'node:fs';
import { messageOf } from '../../outages/message-of.js';
import { hideSecret } from '../../redaction.js';
import { exitCodes, Failure, usageFailure } from './failure.js';
import type { CommonOptions, KeyFile, Session } from './script.js';

/**
 * Reads the file of `--key-file`. It is read once, because it may be a pipe, as in `--key-file
 * <(pass show orders)`.
 *
 * @throws Failure if the file cannot be read, or has no key
 */
export function readKeyFile(path: string): KeyFile {
  try {
    return { apiKey: checkedKey(readFileSync(path, 'utf8'), path) };
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw usageFailure(`${path} cannot be read: ${messageOf(error)}`);
  }
}

/** The API key of `--key-file` or `ORDERS_KEY`; undefined if there is none. */
export function apiKeyOf({ env }: Session, { keyFile }: CommonOptions): string | undefined {
  if (keyFile !== undefined) return keyFile.apiKey;
  const given = env['ORDERS_KEY']?.trim() ?? '';
  return given === '' ? undefined : checkedKey(given, 'ORDERS_KEY');
}

function checkedKey(given: string, source: string): string {
  const key = given.trim();
  if (!/^[!-~]+$/.test(key)) throw usageFailure(`${source} has no key: expected one line without spaces`);
  hideSecret(key);
  return key;
}

/**
 * Whether a command is sent with a key: then it goes to the API, which knows its sender by the key.
 * Without a key it goes to the Temporal of TEMPORAL_ADDRESS, even if `--url` names an API.
 *
 * @throws Failure if a key is needed and missing
 */
export function sendsWithKey(session: Session, options: CommonOptions): boolean {
  if (options.direct === true) return false;
  if (apiKeyOf(session, options) !== undefined) return true;
  if (session.env['AUTH'] !== 'on') return false;
  const message =
    'authentication is on (AUTH=on): set ORDERS_KEY or --key-file, or send commands to Temporal itself with --direct';
  throw new Failure(exitCodes.usage, { code: 'key_missing', message });
}
