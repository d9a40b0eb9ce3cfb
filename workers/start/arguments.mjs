import process from 'node:process';
import { parseArgs } from 'node:util';

/** Exit code for unknown arguments. */
const USAGE = 2;

/**
 * Parses the arguments of a program that takes `--help` and perhaps options of its own. For an
 * unknown argument, prints one line that names it and exits.
 *
 * @param {string} program as it is called, such as `npm start`
 * @param {import('node:util').ParseArgsConfig['options']} [options] its own options
 */
export function parseArguments(program, options = {}) {
  try {
    const { values } = parseArgs({ options: { ...options, help: { type: 'boolean', short: 'h' } } });
    return { help: values['help'] === true };
  } catch (error) {
    const [problem = ''] = error instanceof Error ? error.message.split(/\. |\n/) : [];
    process.stderr.write(`${problem}: \`${program} -- --help\` shows what is possible.\n`);
    return process.exit(USAGE);
  }
}
