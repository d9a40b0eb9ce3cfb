/*
 * The process under test: it loads a provider and makes the calls that its parent requests. The
 * parent may kill it at any time.
 *
 * Arguments: the kind of the provider, and its path or the name of a built-in one.
 */
import process from 'node:process';
import { messageOf } from '../../outages/message-of.js';
import { builtIn } from '../../server/config.js';
import { loadProvider } from '../provider-modules.js';
import { type Call, type Kind, kinds, type Report } from './messages.js';

type Functions = Readonly<Record<string, unknown>>;

/** Functions that a module may have for certification. */
const optional = ['balance', 'stockUp', 'stock', 'labels', 'deliver'];

const [named, path = builtIn] = process.argv.slice(2);
try {
  const kind = kinds.find((one) => one === named);
  if (kind === undefined) throw new Error(`There is no kind ${named}.`);
  const provider = await load(kind);
  // Otherwise the connections of the provider would keep this process alive without its parent.
  process.on('disconnect', () => process.exit());
  process.on('message', (call: Call) => void perform(provider, call));
  const has = optional.filter((name) => typeof provider[name] === 'function');
  const { testMethods, testCarriers } = provider;
  tell({ ready: { has, testMethods, testCarriers } });
} catch (error) {
  tell({ unusable: messageOf(error) });
}

async function load(kind: Kind): Promise<Functions> {
  if (path !== builtIn) return { ...(await loadProvider(kind, path)).port };
  const { builtInProvider } = await import('./built-in.js');
  return { ...(await builtInProvider(kind)) };
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
