import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Client, Connection } from '@temporalio/client';
import { type Collection, MongoClient } from 'mongodb';
import { MONGOD, TEMPORAL } from '../../../src/server/embedded/binaries.js';
import { freePort } from '../../../src/server/embedded/ports.js';
import { isAlive, type ProcessId, processId } from '../../../src/server/embedded/process.js';
import { type Servers, type ServersOptions, startServers } from '../../../src/server/embedded/servers.js';
import { listen } from '../../support/listen.js';
import { program } from '../../support/servers.js';
import { until } from '../../support/until.js';

const mongod = await program(MONGOD);
const temporal = await program(TEMPORAL);

let dataDir: string;
let started: Servers[];
let reports: string[];

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'orders-embedded-'));
  started = [];
  reports = [];
});

afterEach(async () => {
  for (const servers of started) await servers.stop();
  await rm(dataDir, { recursive: true, force: true });
});

async function start(wanted: Pick<ServersOptions, 'temporal' | 'mongodb'>): Promise<Servers> {
  const servers = await startServers({ dataDir, ...wanted, report: (line) => reports.push(line) });
  started.push(servers);
  await servers.ready();
  return servers;
}

const onlyMongodb = { mongodb: { binary: mongod, port: 0 } };
const onlyTemporal = {
  temporal: {
    binary: temporal,
    port: 0,
    uiPort: 0,
    namespace: 'default',
    searchAttributes: { OrderStatus: 'Keyword' as const },
    fast: true,
  },
};

describe('MongoDB', () => {
  test('finds its data again after a stop, on another port', async () => {
    const first = mongodbOf(await start(onlyMongodb));
    await withNotes(first.uri, (notes) => notes.insertOne({ text: 'kept' }));
    await started[0]?.stop();

    const second = mongodbOf(await start(onlyMongodb));
    expect(second.uri).not.toBe(first.uri);
    expect(await withNotes(second.uri, (notes) => notes.countDocuments({ text: 'kept' }))).toBe(1);
  });

  test('can do transactions', async () => {
    const { uri } = mongodbOf(await start(onlyMongodb));
    await withNotes(uri, async (notes, client) => {
      await client.withSession((session) =>
        session.withTransaction(async () => {
          await notes.insertOne({ text: 'one' }, { session });
          await notes.insertOne({ text: 'two' }, { session });
        }),
      );
      expect(await notes.countDocuments()).toBe(2);
    });
  });

  test('is restarted on its data and port when it is killed', async () => {
    const { uri, pid } = mongodbOf(await start(onlyMongodb));
    await withNotes(uri, (notes) =>
      notes.insertOne({ text: 'kept' }, { writeConcern: { w: 'majority', j: true } }),
    );
    const killed = pid();
    process.kill(killed, 'SIGKILL');

    await until(() => expect(reports.at(-1)).toContain('MongoDB is back'));
    expect(pid()).not.toBe(killed);
    expect(await withNotes(uri, (notes) => notes.countDocuments({ text: 'kept' }))).toBe(1);
  });
});

describe('Temporal', () => {
  test('finds its workflows again after it was killed', async () => {
    const { address, pid } = temporalOf(await start(onlyTemporal));
    await startWorkflow(address, 'kept');
    process.kill(pid(), 'SIGKILL');

    await until(() => expect(reports.at(-1)).toContain('Temporal is back'));
    expect(await statusOf(address, 'kept')).toBe('RUNNING');
  });

  test('finds its workflows again after a stop', async () => {
    await startWorkflow(temporalOf(await start(onlyTemporal)).address, 'kept');
    await started[0]?.stop();
    expect(await statusOf(temporalOf(await start(onlyTemporal)).address, 'kept')).toBe('RUNNING');
  });
});

describe('a data folder whose path has characters with a meaning in URIs', () => {
  const NAME = 'a#b 50%41 c?d';

  test('holds all files of the servers', async () => {
    const parent = dataDir;
    dataDir = join(parent, NAME);
    const { address } = temporalOf(await start({ ...onlyTemporal, ...onlyMongodb }));
    await startWorkflow(address, 'kept');
    await started[0]?.stop();
    expect(await statusOf(temporalOf(await start(onlyTemporal)).address, 'kept')).toBe('RUNNING');
    await started[1]?.stop();
    expect(await readdir(parent)).toEqual([NAME]);
    expect(await readdir(join(dataDir, 'temporal'))).toContain('temporal.db');
    dataDir = parent;
  });

  test('is refused if an earlier version wrote an event log outside of it', async () => {
    const parent = dataDir;
    dataDir = join(parent, NAME);
    await writeFile(join(parent, 'a'), 'the log');
    await expect(start(onlyTemporal)).rejects.toThrow(
      new RegExp(`^The event log of .* may be ${join(parent, 'a')}, .*: move that file.*[^\\n]+$`),
    );
    await rm(join(parent, 'a'));
    await start(onlyTemporal);
    dataDir = parent;
  });
});

test('a data folder that cannot be used is named, with a remedy', async () => {
  await writeFile(join(dataDir, 'a-file'), '');
  dataDir = join(dataDir, 'a-file');
  await expect(start(onlyMongodb)).rejects.toThrow(
    /^DATA_DIR=\S+a-file cannot be used \([^\n]+\): make it writable for this user, or set another one\.$/,
  );
  dataDir = dirname(dataDir);
});

test('a record of a server that cannot be read is reported, and ends nothing', async () => {
  const servers = await start(onlyMongodb);
  const record = join(dataDir, 'run', 'mongodb', 'server.json');
  const content = await readFile(record, 'utf8');
  await writeFile(record, '[]');
  await until(() => expect(reports.at(-1)).toContain('was not written by this project'));
  await writeFile(record, content);
  await servers.stop();
});

describe('the users of a data folder', () => {
  test('share its servers, and the last one stops them', async () => {
    const first = await start(onlyMongodb);
    const second = await start({ mongodb: { binary: mongod, port: await freePort() } });
    expect(mongodbOf(second).uri).toBe(mongodbOf(first).uri);
    const server = processId(mongodbOf(first).pid());

    await first.stop();
    expect(isAlive(server)).toBe(true);
    await second.stop();
    expect(isAlive(server)).toBe(false);
  });

  test('restart a dead server only once', async () => {
    const [first, second] = [await start(onlyMongodb), await start(onlyMongodb)];
    process.kill(mongodbOf(first).pid(), 'SIGKILL');
    await until(() => expect(reports.filter((line) => line.includes('is back'))).not.toHaveLength(0));
    expect(mongodbOf(second).pid()).toBe(mongodbOf(first).pid());
    await first.stop();
    expect(isAlive(processId(mongodbOf(second).pid()))).toBe(true);
  });

  test('adopt a server whose users all died, and stop it in the end', async () => {
    const orphan = await orphanedMongodb();
    const adopted = await start(onlyMongodb);
    expect(mongodbOf(adopted).pid()).toBe(orphan.pid);
    await adopted.stop();
    expect(isAlive(orphan)).toBe(false);
  });

  /** Another process starts the server and is killed, so that it cannot leave. */
  async function orphanedMongodb(): Promise<ProcessId> {
    const starter = spawn(
      process.execPath,
      ['--input-type=module', '--eval', START_MONGODB, dataDir, mongod],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    const [pid] = await once(starter.stdout, 'data');
    const server = processId(Number(pid));
    const ended = once(starter, 'close');
    starter.kill('SIGKILL');
    await ended;
    return server;
  }
});

const START_MONGODB = `
  const { startServers } = await import(${JSON.stringify(pathToFileURL('dist/src/server/embedded/servers.js').href)});
  const [dataDir, binary] = process.argv.slice(1);
  const servers = await startServers({ dataDir, mongodb: { binary, port: 0 } });
  await servers.ready();
  process.stdout.write(String(servers.mongodb.pid()));
`;

describe('a port in use', () => {
  let occupied: Server;
  let port: number;
  beforeEach(async () => {
    occupied = createServer();
    port = await listen(occupied);
  });
  afterEach(() => void occupied.close());

  test('is named with its variable before any server starts', async () => {
    const options = {
      temporal: { ...onlyTemporal.temporal, uiPort: port },
      ...onlyMongodb,
    };
    await expect(start(options)).rejects.toThrow(
      `Port ${port} is in use: end what uses it, or set TEMPORAL_UI_PORT to another port.`,
    );
    await expect(start({ mongodb: { binary: mongod, port } })).rejects.toThrow('MONGODB_PORT');
  });
});

function mongodbOf({ mongodb }: Servers): NonNullable<Servers['mongodb']> {
  if (!mongodb) throw new Error('MongoDB was not asked for.');
  return mongodb;
}

function temporalOf({ temporal: server }: Servers): NonNullable<Servers['temporal']> {
  if (!server) throw new Error('Temporal was not asked for.');
  return server;
}

async function withNotes<T>(
  uri: string,
  use: (notes: Collection<{ text: string }>, client: MongoClient) => Promise<T>,
): Promise<T> {
  const client = new MongoClient(uri);
  try {
    return await use(client.db('test').collection('notes'), client);
  } finally {
    await client.close();
  }
}

async function withTemporal<T>(address: string, use: (client: Client) => Promise<T>): Promise<T> {
  const connection = await Connection.connect({ address });
  try {
    return await use(new Client({ connection }));
  } finally {
    await connection.close();
  }
}

async function startWorkflow(address: string, workflowId: string): Promise<void> {
  await withTemporal(address, (client) => client.workflow.start('any', { workflowId, taskQueue: 'any' }));
}

async function statusOf(address: string, workflowId: string): Promise<string> {
  const description = await withTemporal(address, (client) =>
    client.workflow.getHandle(workflowId).describe(),
  );
  return description.status.name;
}
