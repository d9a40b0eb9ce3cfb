import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { findProgram, MONGOD } from '../../../src/server/embedded/binaries.js';
import { EmbeddedServer, type ServerKind } from '../../../src/server/embedded/server.js';

let folder: string;
const path = process.env['PATH'];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'orders-binaries-'));
  process.env['PATH'] = join(folder, 'nothing');
});

afterEach(async () => {
  process.env['PATH'] = path;
  await rm(folder, { recursive: true, force: true });
});

/** A program in the cache that no machine can run. */
async function cachedProgram(): Promise<string> {
  const cached = join(folder, 'bin', MONGOD.name);
  await mkdir(join(folder, 'bin'));
  await writeFile(cached, 'no program', { mode: 0o644 });
  return cached;
}

test('a cached program is used without being run', async () => {
  const cached = await cachedProgram();
  await expect(findProgram(MONGOD, folder, () => undefined)).resolves.toBe(cached);
});

test('an abort ends a download immediately', async () => {
  const { execPath } = process;
  // The process that downloads hangs.
  process.execPath = join(folder, 'node');
  await writeFile(process.execPath, '#!/bin/sh\nexec sleep 60\n', { mode: 0o755 });
  try {
    const stopping = new AbortController();
    const began = Date.now();
    const stop = () => void setTimeout(() => stopping.abort(new Error('told to stop')), 200);
    await expect(findProgram(MONGOD, folder, stop, stopping.signal)).rejects.toThrow('told to stop');
    expect(Date.now() - began).toBeLessThan(3_000);
  } finally {
    process.execPath = execPath;
  }
});

test('a cached program that cannot run is named, with a remedy', async () => {
  const kind: ServerKind = {
    name: 'mongodb',
    title: 'MongoDB',
    binary: await cachedProgram(),
    ports: { port: { wanted: 0, variable: 'MONGODB_PORT' } },
    args: () => [],
    makeReady: async () => undefined,
  };
  const server = new EmbeddedServer(kind, join(folder, 'data'));
  await expect(server.join()).rejects.toThrow(/MongoDB cannot be run: .*mongod\. .*delete it/);
});
