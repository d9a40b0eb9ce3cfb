/**
 * Starts one Temporal and one MongoDB for all test files of a run, on free ports and in a temporary
 * folder. Each test file uses its own database and task queue. Imports come from the build, because
 * Jest does not transform a global set-up's imports.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { cacheDir } from '../../src/bootstrap/folders.mjs';

export default async function startSharedServers() {
  if (process.env['NO_SERVERS']) return;
  const built = (/** @type {string} */ path) =>
    import(new URL(`../../dist/src/${path}`, import.meta.url).href);
  const { findProgram, MONGOD, TEMPORAL } = await built('server/embedded/binaries.js');
  const { startServers } = await built('server/embedded/servers.js');
  const { SEARCH_ATTRIBUTES } = await built('server/search-attributes.js');
  const dataDir = await mkdtemp(join(tmpdir(), 'orders-test-'));
  const servers = await startServers({
    dataDir,
    temporal: {
      binary: await findProgram(TEMPORAL, cacheDir, () => undefined),
      port: 0,
      uiPort: 0,
      namespace: 'default',
      searchAttributes: SEARCH_ATTRIBUTES,
      fast: true,
      args: [
        '--dynamic-config-value=frontend.WorkflowTimeSkippingEnabled=true',
        // Makes a run that a test deletes disappear within a second instead of half a minute.
        '--dynamic-config-value=history.transferProcessorUpdateAckInterval="1s"',
      ],
    },
    mongodb: { binary: await findProgram(MONGOD, cacheDir, () => undefined), port: 0 },
  });
  await servers.ready();
  process.env['TEST_TEMPORAL_ADDRESS'] = servers.temporal.address;
  process.env['TEST_MONGODB_URI'] = servers.mongodb.uri;
  process.env['TEST_TEMPORAL_DATA'] = join(dataDir, 'temporal');

  let stopped = /** @type {Promise<void> | undefined} */ (undefined);
  const stop = () =>
    (stopped ??= (async () => {
      await servers.stop();
      await rm(dataDir, { recursive: true, force: true });
    })());
  globalThis.stopSharedServers = stop;
  // `on`, not `once`: Ctrl-C arrives twice, from the terminal and from `npm test`.
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.on(signal, () => void stop().finally(() => process.exit(1)));
  }
}
