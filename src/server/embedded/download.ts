/*
 * Runs as a separate process, `download.js <temporal|mongod> <folder>`, so that a stalled download
 * can be killed. It makes a test library download the program, and prints the program's path.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

const [program, folder = '.'] = process.argv.slice(2);
process.stdout.write(program === 'temporal' ? await downloadTemporal() : await downloadMongod());

/**
 * Starts and stops a development server, because the SDK downloads one only in order to start it.
 */
async function downloadTemporal(): Promise<string> {
  const { TestWorkflowEnvironment } = await import('@temporalio/testing');
  const executable = { type: 'cached-download', downloadDir: folder, version: 'v1.9.1' } as const;
  const environment = await TestWorkflowEnvironment.createLocal({ server: { executable } });
  await environment.teardown();
  const [name = ''] = await readdir(folder);
  return join(folder, name);
}

async function downloadMongod(): Promise<string> {
  const { MongoBinary } = await import('mongodb-memory-server-core');
  return MongoBinary.getPath({ downloadDir: folder, version: '7.0.24' });
}
