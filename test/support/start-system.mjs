import { spawn } from 'node:child_process';
import process from 'node:process';
import { root } from '../../src/bootstrap/folders.mjs';
import { exitOf } from '../../src/bootstrap/processes.mjs';

const PORTS = { HTTP_PORT: '0', TEMPORAL_PORT: '0', TEMPORAL_UI_PORT: '0', MONGODB_PORT: '0' };

/**
 * The address of the API, and a function that stops the system and returns its exit code.
 *
 * @typedef {{ readonly address: string, stop: () => Promise<number | null> }} Started
 */

/**
 * Starts the system as `npm start` does, on free ports, and waits until it is ready.
 *
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<Started>}
 */
export async function startSystem(env) {
  const child = spawn(process.execPath, ['workers/start.mjs'], {
    cwd: root,
    env: { ...env, ...PORTS },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = exitOf(child);
  let output = '';
  /** @type {Promise<string>} */
  const found = new Promise((resolve) => {
    child.stdout.setEncoding('utf8').on('data', (text) => {
      output += text;
      const [, address] = /\nReady in [^]*API +(http:\S+)/.exec(output) ?? [];
      if (address !== undefined) resolve(address);
    });
  });
  const address = await Promise.race([found, ended.then(() => undefined)]);
  if (address === undefined) throw new Error(`It did not start:\n${output}`);
  return {
    address,
    async stop() {
      child.kill('SIGTERM');
      return (await ended).code;
    },
  };
}
