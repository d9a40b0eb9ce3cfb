import process from 'node:process';
import { parseArgs } from 'node:util';
import { messageOf } from '../../src/outages/message-of.js';
import { stage } from '../../src/bootstrap/progress.mjs';
import { type BenchOptions, type BenchServers, startBench } from './harness/bench.js';
import type { Judged } from './harness/result.js';
import { brief, table } from './harness/table.js';
import { measurements } from './measurements/index.js';
import { OPTIONS } from './options.mjs';

let servers: Promise<BenchServers> | undefined;
let isInterrupted = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  // `on`, not `once`: Ctrl-C arrives twice, from the terminal and from `npm run`.
  process.on(signal, () => {
    isInterrupted = true;
    void stopServers().finally(() => process.exit(1));
  });
}
try {
  const { only, isFilled, ...options } = readOptions();
  const chosen = measurements.filter(
    ({ name }) => only.length === 0 || only.some((prefix) => name.startsWith(prefix)),
  );
  if (chosen.length === 0) {
    throw new Error(
      `--only ${only.join(', ')}: there is ${measurements.map(({ name }) => name).join(', ')}.`,
    );
  }
  servers = stage('Starting Temporal and MongoDB', () => startBench(options));
  const started = await servers;
  if (chosen.some(({ needsDataset }) => needsDataset) || isFilled) {
    await stage(`Filling the database with ${options.orders} orders`, (note) => started.fill(note));
  }
  const results: Judged[] = [];
  for (const measurement of chosen) {
    const judged = await stage(measurement.name, (note) => started.measure(measurement, note));
    // Printed immediately, because a later measurement may fail or be interrupted.
    for (const one of judged) process.stdout.write(`  ${brief(one)}\n`);
    results.push(...judged);
  }
  await stage('Stopping', () => started.stop());
  process.stdout.write(`\n${table(results)}\n\n`);
  process.stdout.write(`${JSON.stringify({ measurements: results.map(({ result }) => result) })}\n`);
  process.exit();
} catch (error) {
  // If the run is interrupted, the measurement fails as well; that error is not printed.
  if (!isInterrupted) process.stderr.write(`${messageOf(error)}\n`);
  await stopServers().catch(() => undefined);
  process.exit(1);
}

/** Stops the servers, after waiting for those that are still starting. */
async function stopServers(): Promise<void> {
  await (await servers)?.stop();
}

function readOptions(): BenchOptions & { readonly only: readonly string[]; readonly isFilled: boolean } {
  const { values } = parseArgs({ options: OPTIONS });
  const { quick, only, profile } = values;
  const orders = Number(values.orders ?? (quick ? 2_000 : 100_000));
  if (!Number.isInteger(orders) || orders < 1_000) {
    throw new Error(`--orders ${values.orders}: expected a whole number from 1000.`);
  }
  return {
    quick,
    only,
    orders,
    isFilled: values.orders !== undefined,
    ...(profile !== undefined && { profile }),
  };
}
