import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type MasterKeys, newMasterKey, readMasterKeys } from '../../sealing/key-store/master-keys.js';
import type { Config } from '../config.js';
import { isLocalUri, isLoopback } from '../config/addresses.js';
import { ConfigError } from '../config/variables.js';
import { createFile, createFolder } from '../embedded/files.js';

const expected = 'one key a line, 32 bytes in base64: `openssl rand -base64 32` makes one';

/**
 * The master keys of `MASTER_KEY_FILE`. Without that variable, a system that runs only on this
 * machine has a key in `DATA_DIR`.
 *
 * @throws ConfigError if the file cannot be used, or is missing
 */
export function masterKeysOf(config: Config): MasterKeys {
  const { masterKeyFile } = config.keys;
  if (masterKeyFile === undefined && !isLocal(config)) {
    const detail = 'it must be set unless HTTP_HOST and MongoDB are on a loopback interface';
    throw new ConfigError(`MASTER_KEY_FILE is missing: ${detail}.`);
  }
  const path = masterKeyFile ?? keyFileIn(config.embedded.dataDir);
  const keys = readMasterKeys(readText(path));
  if (keys === undefined)
    throw new ConfigError(`MASTER_KEY_FILE=${path} cannot be used: expected ${expected}.`);
  return keys;
}

/**
 * Checks, before the start, that the master key file can be used if one is needed. Creates nothing.
 *
 * @throws ConfigError as `masterKeysOf` does
 */
export function assertMasterKeys(config: Config): void {
  if (config.keys.masterKeyFile !== undefined || !isLocal(config)) masterKeysOf(config);
}

/**
 * Makes the key of a system that runs only on this machine, unless it exists. A process without
 * master keys would take orders whose personal data it cannot seal.
 *
 * @throws ConfigError as `masterKeysOf` does
 */
export function ensureMasterKeys(config: Config): void {
  masterKeysOf(config);
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    throw new ConfigError(`MASTER_KEY_FILE=${path} cannot be read: expected a file with ${expected}.`);
  }
}

/** The key file of a data folder. The first call makes the key. */
function keyFileIn(dataDir: string): string {
  const path = join(dataDir, 'master.key');
  createFolder(dataDir);
  createFile(path, `${newMasterKey()}\n`);
  return path;
}

function isLocal({ http, mongodb, keys }: Config): boolean {
  return (
    isLoopback(http.host) && [mongodb.uri, keys.uri].every((uri) => uri === undefined || isLocalUri(uri))
  );
}
