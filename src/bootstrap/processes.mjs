import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import process from 'node:process';
import { root } from './folders.mjs';

/**
 * Runs a program in the checkout and shows its output only if it fails. SIGINT and SIGTERM are
 * passed on to it, and end this process when the program has ended.
 *
 * @param {string} command
 * @param {readonly string[]} args
 */
export async function run(command, args) {
  const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text) => (output += text));
  const { code, signal } = await exitOf(child);
  if (signal !== undefined) process.exit(128 + constants.signals[signal]);
  if (code !== 0) throw new Error(`${output.trim()}\n\`${command} ${args.join(' ')}\` failed.`);
}

/**
 * Waits for a child process to end, and passes on the signals that ask this process to end.
 *
 * @param {import('node:child_process').ChildProcess} child
 * @returns {Promise<{ code: number | null, signal: 'SIGINT' | 'SIGTERM' | undefined }>} its exit
 *   code, and the signal that was passed on
 */
export async function exitOf(child) {
  /** @type {'SIGINT' | 'SIGTERM' | undefined} */
  let signal;
  const interrupt = () => child.kill((signal = 'SIGINT'));
  const terminate = () => child.kill((signal = 'SIGTERM'));
  process.on('SIGINT', interrupt).on('SIGTERM', terminate);
  try {
    const code = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
    return { code, signal };
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', terminate);
  }
}

/**
 * Prints the message of an error and exits.
 *
 * @param {unknown} error
 * @returns {never}
 */
export function fail(error, exitCode = 1) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(exitCode);
}
