/**
 * The process under test: it loads a provider and calls it on request. It may be killed at any time.
 *
 * Arguments: the kind of the provider, and its path, or the name of what is built in.
 */
import process from 'node:process';
import { messageOf } from '../../outages/message-of.js';
import { builtIn } from '../../server/config.js';
import { loadProvider } from '../provider-modules.js';
import type { Call, Kind, Report } from './messages.js';

type Functions = Readonly<Record<string, unknown>>;

const [kind, path = builtIn] = process.argv.slice(2);
try {
  const provider = await load(kind === 'inventory' ? 'inventory' : 'payments');
  process.on('message', (call: Call) => void perform(provider, call));
  const has = ['balance', 'stockUp'].filter((name) => typeof provider[name] === 'function');
  const { testMethods } = provider;
  tell({ ready: { has, ...(testMethods !== undefined && { testMethods }) } });
} catch (error) {
  tell({ unusable: messageOf(error) });
}

async function load(which: Kind): Promise<Functions> {
  if (path !== builtIn) return { ...(await loadProvider(which, path)).port };
  const { builtInProvider } = await import('./built-in.js');
  return { ...(await builtInProvider(which)) };
}

async function perform(provider: Functions, { id, name, argument, abortAfterMs }: Call): Promise<void> {
  const aborting = new AbortController();
  const timer = abortAfterMs === undefined ? undefined : setTimeout(() => aborting.abort(), abortAfterMs);
  try {
    const called = provider[name];
    if (typeof called !== 'function') throw new TypeError(`There is no function ${name}.`);
    tell({ id, started: true });
    const more =
      name === 'stockUp' ? (argument as readonly unknown[]) : [argument, { signal: aborting.signal }];
    const answer: unknown = await called(...more);
    tell({ id, answer });
  } catch (error) {
    tell({ id, error: messageOf(error) });
  } finally {
    clearTimeout(timer);
  }
}

function tell(report: Report): void {
  process.send?.(report);
}
