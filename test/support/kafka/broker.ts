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

/** A node of Apache Kafka in KRaft mode, on the loopback interface. */
export interface Node {
  /** the folder of its jars */
  readonly jars: string;
  /** Kills it (SIGKILL). Its data stay. */
  kill(): Promise<void>;
  /** Starts it, with its data and on its port. */
  start(): Promise<void>;
  /** Suspends it until `thaw`. Its connections stay open. */
  freeze(): void;
  thaw(): void;
  /** Ends it, and removes its data. */
  stop(): Promise<void>;
}

/** The only node of a cluster. */
export interface Broker extends Node {
  /** `host:port` */
  readonly address: string;
  /** `host:port` of the listener for users; nothing listens there unless it was asked for */
  readonly securedAddress: string;
}

const READY_WITHIN_S = 180;
/** A small heap, and the collector and the compiler that need least memory beside it. */
const SMALL = ['-Xmx128m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];
const run = promisify(execFile);

/** What a secured broker is set up with: its TLS identity, and a user who may log in. */
export interface Secured {
  /** a file with the broker's key and certificate, for `127.0.0.1` */
  readonly identity: string;
  /** a user without any right at first */
  readonly user: { readonly name: string; readonly password: string };
}

/**
 * @param settings further lines of its `server.properties`
 * @param secured if given, `securedAddress` takes connections by TLS of users who log in by
 *   SCRAM-SHA-512, and may do what ACLs allow; `address` stays open, for an administrator
 */
export async function startBroker(settings: readonly string[] = [], secured?: Secured): Promise<Broker> {
  const [port, controller, securedPort] = [await freePort(), await freePort(), await freePort()];
  const address = `127.0.0.1:${port}`;
  const securedAddress = `127.0.0.1:${securedPort}`;
  const listeners = `PLAINTEXT://${address},CONTROLLER://127.0.0.1:${controller}`;
  const lines = [
    'node.id=1',
    `controller.quorum.bootstrap.servers=127.0.0.1:${controller}`,
    `listeners=${listeners}`,
    `advertised.listeners=PLAINTEXT://${address}`,
    ...replicated(1),
    ...(secured === undefined ? [] : securedBy(secured, listeners, address, securedAddress)),
    ...settings,
  ];
  const scram = secured === undefined ? [] : ['--add-scram', scramOf(secured)];
  const node = await prepareNode(port, lines, ['--standalone', ...scram]);
  await node.start();
  return { ...node, address, securedAddress };
}

/**
 * Nodes that are brokers and controllers of one cluster, in which each partition is on all nodes.
 */
export interface Cluster {
  /** `host:port` of each node, with commas between */
  readonly addresses: string;
  /** in the order of their ids, which are 1, 2 … */
  readonly nodes: readonly Node[];
  /** Ends all nodes, and removes their data. */
  stop(): Promise<void>;
}

/** Starts a cluster. Its topics take records while at most one node is missing. */
export async function startCluster(size: number): Promise<Cluster> {
  const ports: { readonly broker: number; readonly controller: number }[] = [];
  while (ports.length < size) ports.push({ broker: await freePort(), controller: await freePort() });
  const voters = ports.map(({ controller }, index) => `${index + 1}@127.0.0.1:${controller}`).join(',');
  const nodes = await Promise.all(
    ports.map(({ broker, controller }, index) =>
      prepareNode(
        broker,
        [
          `node.id=${index + 1}`,
          `controller.quorum.voters=${voters}`,
          `listeners=PLAINTEXT://127.0.0.1:${broker},CONTROLLER://127.0.0.1:${controller}`,
          `advertised.listeners=PLAINTEXT://127.0.0.1:${broker}`,
          ...replicated(size),
        ],
        [],
      ),
    ),
  );
  const stop = async () => {
    await Promise.all(nodes.map((node) => node.stop()));
  };
  try {
    // No controller is ready before a majority of the nodes runs, so all are started together.
    await Promise.all(nodes.map((node) => node.start()));
  } catch (error) {
    await stop();
    throw error;
  }
  return { addresses: ports.map(({ broker }) => `127.0.0.1:${broker}`).join(','), nodes, stop };
}

/**
 * A node that is formatted, but not started yet.
 *
 * @param port the port on which it listens once it is ready
 */
async function prepareNode(
  port: number,
  settings: readonly string[],
  formatting: readonly string[],
): Promise<Node> {
  const jars = await findKafka(join(process.cwd(), '.cache'), () => undefined);
  const folder = await mkdtemp(join(tmpdir(), 'orders-kafka-'));
  const properties = join(folder, 'server.properties');
  const lines = [
    'process.roles=broker,controller',
    'controller.listener.names=CONTROLLER',
    `log.dirs=${join(folder, 'data')}`,
    ...settings,
  ];
  await writeFile(properties, lines.join('\n'));
  const java = (main: string, ...args: string[]) => ['-cp', join(jars, '*'), main, ...args];
  const format = ['format', ...formatting, '-t', 'orders-of-the-tests-AA', '-c', properties];
  await run('java', java('kafka.tools.StorageTool', ...format));
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
  return {
    jars,
    kill,
    async start() {
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
    },
    freeze: () => child?.kill('SIGSTOP'),
    thaw: () => child?.kill('SIGCONT'),
    async stop() {
      await kill();
      process.off('exit', killAtExit);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function scramOf({ user: { name, password } }: Secured): string {
  return `SCRAM-SHA-512=[name=${name},password=${password}]`;
}

function securedBy({ identity }: Secured, listeners: string, address: string, usersAddress: string) {
  return [
    `listeners=${listeners},USERS://${usersAddress}`,
    `advertised.listeners=PLAINTEXT://${address},USERS://${usersAddress}`,
    'listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,USERS:SASL_SSL',
    'listener.name.users.sasl.enabled.mechanisms=SCRAM-SHA-512',
    'listener.name.users.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;',
    'ssl.keystore.type=PEM',
    `ssl.keystore.location=${identity}`,
    'authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    // Only the test, the broker itself and its controller connect without logging in.
    'super.users=User:ANONYMOUS',
  ];
}

/** Settings of a small cluster whose partitions have `copies` replicas; one of several may fail. */
function replicated(copies: number): readonly string[] {
  const inSync = Math.max(1, copies - 1);
  return [
    `default.replication.factor=${copies}`,
    `min.insync.replicas=${inSync}`,
    `offsets.topic.replication.factor=${copies}`,
    'offsets.topic.num.partitions=1',
    `transaction.state.log.replication.factor=${copies}`,
    `transaction.state.log.min.isr=${inSync}`,
    'transaction.state.log.num.partitions=1',
    `share.coordinator.state.topic.replication.factor=${copies}`,
    `share.coordinator.state.topic.min.isr=${inSync}`,
    'group.initial.rebalance.delay.ms=0',
    'log.cleaner.dedupe.buffer.size=10485760',
    'auto.create.topics.enable=false',
  ];
}
