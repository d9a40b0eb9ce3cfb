import process from 'node:process';
import { parseArgs } from 'node:util';

/** Exit code for unknown arguments. */
const USAGE = 2;

/**
 * Checks the arguments of a program that takes `--help` and perhaps options of its own. For
 * `--help`, prints `help` and exits. For an unknown argument, prints one line that names it and
 * exits.
 *
 * @param {string} program as it is called, such as `npm start`
 * @param {string} help
 * @param {import('node:util').ParseArgsConfig['options']} [options] its own options
 */
export function checkArguments(program, help, options = {}) {
  /** @type {{ readonly help?: unknown }} */
  let given;
  try {
    given = parseArgs({ options: { ...options, help: { type: 'boolean', short: 'h' } } }).values;
  } catch (error) {
    const [problem = ''] = error instanceof Error ? error.message.split(/\. |\n/) : [];
    process.stderr.write(`${problem}: \`${program} -- --help\` shows what is possible.\n`);
    process.exit(USAGE);
  }
  if (given.help !== true) return;
  process.stdout.write(help);
  process.exit();
}
