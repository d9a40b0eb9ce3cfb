import { run } from '../../src/cli/program.js';
import type { Session } from '../../src/cli/script/script.js';
import { assertNoPersons } from '../support/persons.js';

/** What a script that was run in this process has printed. */
export interface Printed {
  readonly exitCode: number;
  readonly out: string;
  readonly err: string;
}

/**
 * Runs a script that must not send a command to Temporal itself: it fails with `over Temporal` if
 * it does.
 */
export async function runWithoutTemporal(line: string, env: Session['env']): Promise<Printed> {
  const out: string[] = [];
  const err: string[] = [];
  const exitCode = await run(line.split(' '), {
    terminal: {
      print: (text) => out.push(text),
      complain: (text) => err.push(text),
      paint: (_, text) => text,
      readInput: async () => Buffer.alloc(0),
    },
    env,
    openTemporalGateway: () => Promise.reject(new Error('over Temporal')),
  });
  assertNoPersons(line, err.join('\n'));
  return { exitCode, out: out.join('\n'), err: err.join('\n') };
}
