import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { messageOf } from '../outages/message-of.js';
import { builtIn, type Config } from '../server/config.js';
import { ConfigError } from '../server/config/variables.js';
import { noCarriers } from './carriers/no-carriers.js';
import type { CarrierModule } from './carriers/port.js';
import type { InventoryModule } from './inventory/port.js';
import type { PaymentModule } from './payments/port.js';
import type { Limits, Provider } from './port.js';

/** The loaded modules. If one is absent, the built-in provider is used. */
export interface Providers {
  readonly payments?: Provider<PaymentModule>;
  readonly inventory?: Provider<InventoryModule>;
  readonly carriers?: Provider<CarrierModule>;
}

/** The functions of each port, which a module has to export. */
const functions = {
  payments: ['authorize', 'capture', 'void', 'refund', 'lookUp'],
  inventory: ['reserve', 'release', 'deduct', 'restock', 'lookUp'],
  carriers: ['book', 'lookUp', 'track'],
} as const;
const variables = { payments: 'PAYMENTS', inventory: 'INVENTORY', carriers: 'CARRIERS' } as const;

export const DEFAULT_LIMITS: Limits = { concurrency: 50, timeoutMs: 5_000 };
/**
 * A timeout is 7 s at most, because a step's activity has 10 s. Of these 10 s, the queue and the
 * rate limit may take a second each, and recording the outcome takes time, too.
 */
const LIMIT_RANGES = {
  concurrency: [1, 1_000],
  perSecond: [0.01, 100_000],
  timeoutMs: [100, 7_000],
} as const;

/**
 * Loads the modules that `PAYMENTS`, `INVENTORY` and `CARRIERS` name.
 *
 * @throws ConfigError if a module cannot be loaded, lacks functions, or has wrong limits
 */
export async function loadProviders({
  providers,
  sandbox,
}: Pick<Config, 'providers' | 'sandbox'>): Promise<Providers> {
  const [payments, inventory, carriers] = await Promise.all([
    providers.payments === builtIn ? undefined : loadProvider('payments', providers.payments),
    providers.inventory === builtIn ? undefined : loadProvider('inventory', providers.inventory),
    loadCarriers(providers.carriers, sandbox),
  ]);
  return { ...(payments && { payments }), ...(inventory && { inventory }), ...(carriers && { carriers }) };
}

/**
 * Without a module, the sandbox books labels. If the sandbox may not be used, every label is
 * refused.
 */
async function loadCarriers(
  given: string | undefined,
  sandbox: boolean,
): Promise<Provider<CarrierModule> | undefined> {
  if (given !== undefined && given !== builtIn) return await loadProvider('carriers', given);
  return sandbox ? undefined : { name: 'carriers (none)', port: noCarriers, limits: DEFAULT_LIMITS };
}

interface Modules {
  readonly payments: PaymentModule;
  readonly inventory: InventoryModule;
  readonly carriers: CarrierModule;
}

/**
 * Loads a module that implements a port.
 *
 * @param path relative to the working directory, or absolute
 * @throws ConfigError if it cannot be loaded, lacks functions, or has wrong limits
 */
export async function loadProvider<K extends keyof Modules>(
  kind: K,
  path: string,
): Promise<Provider<Modules[K]>> {
  const file = resolve(path);
  const refuse = (problem: string): never => {
    const exported = functions[kind].join(', ');
    throw new ConfigError(
      `${variables[kind]}=${path} cannot be used: ${problem}; expected sandbox, or the path of a module that exports the functions ${exported}.`,
    );
  };
  if (statSync(file, { throwIfNoEntry: false })?.isFile() !== true) refuse(`there is no file ${file}`);
  const loaded = await load(file).catch((error: unknown) => refuse(`it does not load: ${messageOf(error)}`));
  const missing = functions[kind].filter((name) => typeof loaded[name] !== 'function');
  if (missing.length > 0) refuse(`it does not export ${missing.join(', ')}`);
  return {
    name: `${kind} (${path})`,
    // The module has the functions of the port. Their answers are checked at each call.
    port: loaded as unknown as Modules[K],
    limits: { ...DEFAULT_LIMITS, ...limitsIn(loaded['limits'], refuse) },
  };
}

async function load(file: string): Promise<Readonly<Record<string, unknown>>> {
  return (await import(pathToFileURL(file).href)) as Readonly<Record<string, unknown>>;
}

function limitsIn(given: unknown, refuse: (problem: string) => never): Partial<Limits> {
  if (given === undefined) return {};
  if (typeof given !== 'object' || given === null) return refuse('its `limits` is not an object');
  for (const [name, value] of Object.entries(given)) {
    const range = name in LIMIT_RANGES ? LIMIT_RANGES[name as keyof typeof LIMIT_RANGES] : undefined;
    if (range === undefined) return refuse(`there is no limit ${name}`);
    const [least, most] = range;
    if (typeof value !== 'number' || !(value >= least && value <= most))
      return refuse(`its limit ${name} is not a number from ${least} to ${most}`);
  }
  return given;
}
