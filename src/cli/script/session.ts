import type { Gateway } from '../../api/commands/gateway/gateway.js';
import { type Config, readConfig } from '../../server/config.js';
import type { System } from '../../api/operations/system.js';
import type { Terminal } from '../terminal/terminal.js';

/** The environment of a script; tests pass their own. */
export interface Session {
  readonly terminal: Terminal;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly openWriteSide: (config: Config) => Promise<WriteSide>;
}

/** The gateway of a script that sends commands to Temporal itself. */
export interface WriteSide {
  readonly gateway: Gateway;
  /** where its commands go */
  readonly system: System;
  readonly close: () => Promise<void>;
}

/** Options of every script. */
export interface CommonOptions {
  readonly json?: true;
  readonly url?: string;
  readonly keyFile?: string;
  readonly direct?: true;
}

/**
 * The configuration from the environment. A script serves nothing, so it needs no secrets of a
 * server.
 */
export function configOf({ env }: Session): Config {
  return readConfig({ ...env, ROLES: 'worker' });
}
