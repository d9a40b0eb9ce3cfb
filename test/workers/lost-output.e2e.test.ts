import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { endProcess, isAlive, type ProcessId } from '../../src/server/embedded/process.js';

const LIMIT_MS = 120_000;
const GRACE_MS = 10_000;

let dataDir: string;
let servers: ProcessId[];

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'orders-lost-output-'));
  servers = [];
});
afterEach(async () => {
  for (const server of servers) await endProcess(server, GRACE_MS);
  await rm(dataDir, { recursive: true, force: true });
});

/** The process of an embedded server, as the data folder records it. */
async function recordedProcess(name: string): Promise<ProcessId> {
  return JSON.parse(await readFile(join(dataDir, 'run', name, 'server.json'), 'utf8')).process;
}

test.each(['SIGHUP', 'SIGTERM'] as const)(
  '%s ends the servers when nobody can read the output any more',
  async (signal) => {
    const ports = ['HTTP_PORT', 'TEMPORAL_PORT', 'TEMPORAL_UI_PORT', 'MONGODB_PORT'];
    const child = spawn(process.execPath, ['workers/start.mjs'], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: process.env['PATH'],
        HOME: process.env['HOME'],
        DATA_DIR: dataDir,
        ...Object.fromEntries(ports.map((name) => [name, '0'])),
      },
    });
    const ended = once(child, 'exit');
    let output = '';
    const ready = new Promise<void>((resolve) => {
      for (const stream of [child.stdout, child.stderr])
        stream.setEncoding('utf8').on('data', (text: string) => {
          output += text;
          if (output.includes('\nReady in ')) resolve();
        });
    });
    try {
      await Promise.race([ready, ended]);
      expect(output).toContain('\nReady in ');
      servers = await Promise.all(['temporal', 'mongodb'].map(recordedProcess));
      child.stdout.destroy();
      child.stderr.destroy();
      child.kill(signal);
      expect(await ended).toEqual([0, null]);
      expect(servers.map(isAlive)).toEqual([false, false]);
    } finally {
      child.kill('SIGKILL');
    }
  },
  LIMIT_MS,
);
