import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import { assertListening, freePort } from '../../../src/server/embedded/ports.js';
import { until } from '../until.js';
import { findKafka } from './find-kafka.mjs';

/** One node of Apache Kafka in KRaft mode, on the loopback interface. */
export interface Broker {
  /** `host:port` */
  readonly address: string;
  /** the folder of its jars */
  readonly jars: string;
  /** Ends it at once (SIGKILL). Its data stay. */
  kill(): Promise<void>;
  /** Starts it again, with its data and on its port. */
  start(): Promise<void>;
  /** Suspends it until `thaw`. Its connections stay open. */
  freeze(): void;
  thaw(): void;
  /** Ends it, and removes its data. */
  stop(): Promise<void>;
}

const READY_WITHIN_S = 60;
/** Without them, a broker with so small a heap dies. */
const SMALL = ['-Xmx128m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];
const run = promisify(execFile);

/** @param settings further lines of its `server.properties` */
export async function startBroker(settings: readonly string[] = []): Promise<Broker> {
  const jars = await findKafka(join(process.cwd(), '.cache'), () => undefined);
  const folder = await mkdtemp(join(tmpdir(), 'orders-kafka-'));
  const [port, controller] = [await freePort(), await freePort()];
  const address = `127.0.0.1:${port}`;
  const properties = join(folder, 'server.properties');
  const listeners = `PLAINTEXT://${address},CONTROLLER://127.0.0.1:${controller}`;
  const lines = [
    'process.roles=broker,controller',
    'node.id=1',
    `controller.quorum.bootstrap.servers=127.0.0.1:${controller}`,
    `listeners=${listeners}`,
    `advertised.listeners=PLAINTEXT://${address}`,
    'controller.listener.names=CONTROLLER',
    `log.dirs=${join(folder, 'data')}`,
    ...ONE_NODE,
    ...settings,
  ];
  await writeFile(properties, lines.join('\n'));
  const java = (main: string, ...args: string[]) => ['-cp', join(jars, '*'), main, ...args];
  await run(
    'java',
    java(
      'kafka.tools.StorageTool',
      'format',
      '--standalone',
      '-t',
      'orders-of-the-tests-AA',
      '-c',
      properties,
    ),
  );
  let child: ChildProcess | undefined;
  let output = '';
  const kill = async () => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  };
  const killAtExit = () => child?.kill('SIGKILL');
  process.on('exit', killAtExit);
  const start = async () => {
    const log = '-Dorg.slf4j.simpleLogger.defaultLogLevel=error';
    const started = spawn('java', [...SMALL, log, ...java('kafka.Kafka', properties)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child = started;
    for (const stream of [started.stdout, started.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => (output = (output + text).slice(-5_000)));
    await until(async () => {
      if (started.exitCode !== null) throw new Error(`The broker has ended: ${output}`);
      await assertListening(port);
    }, READY_WITHIN_S);
  };
  await start();
  return {
    address,
    jars,
    kill,
    start,
    freeze: () => child?.kill('SIGSTOP'),
    thaw: () => child?.kill('SIGCONT'),
    async stop() {
      await kill();
      process.off('exit', killAtExit);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const ONE_NODE = [
  'offsets.topic.replication.factor=1',
  'offsets.topic.num.partitions=1',
  'transaction.state.log.replication.factor=1',
  'transaction.state.log.min.isr=1',
  'transaction.state.log.num.partitions=1',
  'share.coordinator.state.topic.replication.factor=1',
  'share.coordinator.state.topic.min.isr=1',
  'group.initial.rebalance.delay.ms=0',
  'log.cleaner.dedupe.buffer.size=10485760',
  'auto.create.topics.enable=false',
];
