/**
 * `npm run bench [-- <options>]`: makes the checkout ready, compiles the benchmarks, and runs them
 * in a separate process.
 */
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { bundleWorkflows } from '../../workers/bundles/workflows.mjs';
import { checkArguments } from '../../workers/start/arguments.mjs';
import { cacheDir, root } from '../../src/bootstrap/folders.mjs';
import { prepare } from '../../src/bootstrap/prepare.mjs';
import { exitOf, fail, run } from '../../src/bootstrap/processes.mjs';
import { stage } from '../../src/bootstrap/progress.mjs';
import { OPTIONS } from './options.mjs';

const HELP = `Usage: npm run bench            (npm run bench -- --help for this text)

Starts its own servers, measures the product and a baseline in turns, and prints a table. The last
line is a JSON object. Run it while nothing else runs: memory and start times depend on the machine.

  --quick            measures less of everything, in under two minutes; the figures are rougher
  --only <name>      only measurements whose names begin with this, such as orders or query.get;
                     may be repeated
  --orders <n>       orders in the database for the queries, rebuilds and streams; by default
                     100000, with --quick 2000
  --profile <folder> writes CPU profiles of the product's processes to this folder

  measurement        what is measured                        what it is compared with

  orders.throughput  orders/s over HTTP, 20 at a time        a no-op workflow of the same shape, no HTTP, no MongoDB
  orders.cpu         CPU of an order, 20 at a time           the same no-op workflow
  orders.accept      POST /v1/orders → 201                   client.workflow.start alone
  orders.accept.busy the same, 20 at a time                  the same, 20 at a time
  orders.confirm     POST /v1/orders → confirmed in the view the no-op workflow, to the same step
  orders.complete    POST /v1/orders → completed in the view the whole no-op workflow
  orders.durable     no-op workflow with durable writes      the no-op workflow
  history.cost       what an order costs Temporal            the design's budget
  query.get          GET /v1/orders/{id}, 50 connections     fastify + findOne
  query.get.hot      the same 100 orders again and again     the same
  access             a create and a hot read with a key      the same without authentication
  query.list         a filtered, sorted page of 50           fastify + find on the same index
  page               an order and the list in a browser      200 ms, 50 ms, GET of the order
  record.batch       events recorded, in journal and view    the same writes
  record.long        the same in an order of 10,000 events   an order of 10 events
  rebuild.journal    a view rebuilt from the journal         a cursor and bulk inserts
  rebuild.history    the journal rebuilt from histories      a loop of fetchHistory
  seal               a customer's texts, sealed              a hash of them
  feed.lag           recorded → received over SSE            a change stream
  kafka.out          the feed published in a topic           a bare producer of the same records
  stream.memory      memory while a slow reader streams      the bytes it was sent
  worker.memory      memory of 1,000 open orders             the no-op workflow
  orders.memory      memory after 1,000 completed orders     the no-op worker and client
  idle               actions, commands and CPU while unused  none
  overload           ten times the load it can serve         its best with the same clients and CPU hog
  start.ready        a second npm start                      the two servers alone
`;

/** The folder of the compiled benchmarks. */
const built = join(cacheDir, 'bench');

checkArguments('npm run bench', HELP, OPTIONS);
await prepare().catch(fail);
await stage('Compiling the benchmarks', compile).catch(fail);
const main = join(built, 'test', 'bench', 'main.js');
const { code, signal } = await exitOf(
  spawn(process.execPath, [main, ...process.argv.slice(2)], { cwd: root, stdio: 'inherit' }),
);
process.exitCode = signal === undefined ? (code ?? 1) : 128 + constants.signals[signal];

async function compile() {
  mkdirSync(built, { recursive: true });
  const tsc = join(root, 'node_modules', '.bin', 'tsc');
  await Promise.all([
    bundleWorkflows(
      join('test', 'bench', 'baselines', 'bare-workflow.ts'),
      join(built, 'bare-workflow-bundle.js'),
    ),
    run(tsc, ['--project', join('test', 'bench', 'tsconfig.json'), '--outDir', built]),
  ]);
}
