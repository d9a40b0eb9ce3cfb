import process from 'node:process';
import { parseArgs } from 'node:util';

/** The exit code for arguments that a program does not know. */
const USAGE = 2;

/**
 * Reads the arguments of a program that takes `--help` and, perhaps, options of its own. Ends the process with one line
 * that names an argument it does not know.
 * @param {string} program as it is called, such as `npm start`
 * @param {import('node:util').ParseArgsConfig['options']} [options] its own
 */
export function isHelpAsked(program, options = {}) {
  try {
    const { values } = parseArgs({ options: { ...options, help: { type: 'boolean', short: 'h' } } });
    return values['help'] === true;
  } catch (error) {
    const [problem = ''] = error instanceof Error ? error.message.split(/\. |\n/) : [];
    process.stderr.write(`${problem}: \`${program} -- --help\` shows what is possible.\n`);
    return process.exit(USAGE);
  }
}
