import { run } from '../../src/cli/program.js';
import type { Session } from '../../src/cli/script/script.js';
import type { Terminal } from '../../src/cli/printing/terminal.js';
import { assertNoPersons } from '../support/persons.js';

/** What a script that was run in this process has printed. */
export interface Printed {
  readonly exitCode: number;
  readonly out: string;
  readonly err: string;
}

/** A terminal that shows nothing, and on which nothing is typed. */
export const silentTerminal: Terminal = {
  print: () => undefined,
  complain: () => undefined,
  paint: (_, text) => text,
  readInput: async () => Buffer.alloc(0),
};

/**
 * Runs a script that must not send a command to Temporal itself: it fails with `over Temporal` if
 * it does.
 *
 * @param complained is called after each line to standard error
 */
export async function runWithoutTemporal(
  line: string,
  env: Session['env'] = {},
  complained: () => void = () => undefined,
): Promise<Printed> {
  const openTemporalGateway = () => Promise.reject(new Error('over Temporal'));
  return await runScript(line, { env, openTemporalGateway }, complained);
}

/** Runs a script in this process. */
export async function runScript(
  line: string,
  { env, openTemporalGateway }: Pick<Session, 'env' | 'openTemporalGateway'>,
  complained: () => void = () => undefined,
): Promise<Printed> {
  const out: string[] = [];
  const err: string[] = [];
  const exitCode = await run(line.split(' '), {
    terminal: {
      ...silentTerminal,
      print: (text) => out.push(text),
      complain: (text) => {
        err.push(text);
        complained();
      },
    },
    env,
    openTemporalGateway,
  });
  assertNoPersons(line, err.join('\n'));
  return { exitCode, out: out.join('\n'), err: err.join('\n') };
}
