import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout } from 'node:timers/promises';
import { MONGOD, TEMPORAL } from '../../../src/server/embedded/binaries.js';
import { mongodbServer } from '../../../src/server/embedded/mongodb.js';
import { assertListening, freePort } from '../../../src/server/embedded/ports.js';
import type { ServerKind } from '../../../src/server/embedded/server.js';
import { temporalServer } from '../../../src/server/embedded/temporal.js';
import { SEARCH_ATTRIBUTES } from '../../../src/server/search-attributes.js';
import { program } from '../../support/servers.js';
import type { Measurement } from '../harness/bench.js';
import { type Block, duration, interleave } from '../harness/interleave.js';

const LOOK_AGAIN_MS = 5;

/**
 * Measures `npm start` with existing data until it reports that it is ready. The baseline is
 * Temporal and MongoDB alone, with the same arguments and data, until both can be used.
 */
export const startReady: Measurement = {
  name: 'start.ready',
  async run(bench) {
    await bench.endKept();
    const dataDir = await mkdtemp(join(tmpdir(), 'orders-bench-'));
    bench.atEnd(() => rm(dataDir, { recursive: true, force: true }));
    const ports = { port: await freePort(), uiPort: await freePort(), mongodb: await freePort() };
    const servers = [
      temporalServer({
        binary: await program(TEMPORAL),
        ...ports,
        namespace: 'default',
        searchAttributes: SEARCH_ATTRIBUTES,
      }),
      mongodbServer({ binary: await program(MONGOD), port: ports.mongodb }),
    ];
    const env = {
      DATA_DIR: dataDir,
      HTTP_PORT: '0',
      TEMPORAL_PORT: String(ports.port),
      TEMPORAL_UI_PORT: String(ports.uiPort),
      MONGODB_PORT: String(ports.mongodb),
    };
    // The first start, which makes the data, is the warm-up.
    const measured = await interleave(
      { product: () => start(env), baseline: () => startAlone(servers, dataDir) },
      bench.pick(5, 1),
      bench.note,
    );
    return [duration('start.ready', measured, { of: 'ratio', is: '≤', limit: 2.5 })];
  },
};

async function start(env: Readonly<Record<string, string>>): Promise<Block> {
  const before = performance.now();
  const child = spawn('npm', ['start', '--loglevel=error'], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const gone = once(child, 'exit');
  let output = '';
  await new Promise<void>((resolve, reject) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      if (output.includes('\nReady in ')) resolve();
    });
    child.once('exit', () => reject(new Error(`npm start ended:\n${output}`)));
  });
  const ms = performance.now() - before;
  child.kill('SIGTERM');
  await gone;
  return { operations: 1, ms, times: [ms] };
}

async function startAlone(servers: readonly ServerKind[], dataDir: string): Promise<Block> {
  const before = performance.now();
  const children = servers.map((server) => {
    const folder = join(dataDir, server.name);
    // As the product starts them: the name of Temporal's database is relative to its folder.
    return spawn(server.binary, server.args(folder, wanted(server.ports)), { cwd: folder, stdio: 'ignore' });
  });
  await Promise.all(servers.map((server) => untilReady(server)));
  const ms = performance.now() - before;
  await Promise.all(
    children.map(async (child) => {
      child.kill('SIGTERM');
      await once(child, 'exit');
    }),
  );
  return { operations: 1, ms, times: [ms] };
}

function wanted({ port, uiPort }: ServerKind['ports']) {
  return { port: port.wanted, ...(uiPort && { uiPort: uiPort.wanted }) };
}

async function untilReady(server: ServerKind): Promise<void> {
  const ports = wanted(server.ports);
  for (;;) {
    try {
      await assertListening(ports.port);
      return await server.makeReady(ports);
    } catch {
      await setTimeout(LOOK_AGAIN_MS);
    }
  }
}
