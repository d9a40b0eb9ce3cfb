import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, type Server } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Db, MongoClient } from 'mongodb';
import { MONGOD } from '../../src/server/embedded/binaries.js';
import { freePort } from '../../src/server/embedded/ports.js';
import { issueCertificates, services, shellOf } from '../support/certificates.js';
import { listen } from '../support/listen.js';
import { apiAt } from '../support/orders-over-http.js';
import { type RoleProcess, startRoleProcess } from '../support/role-process.js';
import { program, shared, uniqueName } from '../support/servers.js';
import { until } from '../support/until.js';

/** The certificates, the flags and the variables are those of `docker-compose.yml`. */
const tls = mkdtempSync(join(tmpdir(), 'orders-tls-'));
const PASSWORD = 'swordfish';
const db = uniqueName('tls');
const ended: (() => unknown)[] = [];

/**
 * Starts MongoDB with the flags of Compose's members, as a replica set of one, and creates the user
 * as which this project connects.
 */
async function startMongodb(): Promise<string> {
  const [port, folder] = [await freePort(), join(tls, 'data')];
  const keyFile = join(tls, 'key');
  mkdirSync(folder);
  writeFileSync(keyFile, 'b3JkZXJzLW9uLWEtbWFjaGluZS1vZi1vbmVzLW93bg==');
  chmodSync(keyFile, 0o400);
  const [, flags = ''] =
    /mongod (--replSet[^]*)/.exec(shellOf('mongodb-1', tls).replaceAll('\\\n', '')) ?? [];
  const given = flags
    .replaceAll(`${tls}/`, `${tls}/mongodb/`)
    .replace('/data/configdb/key', keyFile)
    .replace('--bind_ip_all', '--bind_ip 127.0.0.1');
  const args = [...given.trim().split(/\s+/), '--port', String(port), '--dbpath', folder, '--quiet'];
  const mongod = spawn(await program(MONGOD), args, { stdio: 'ignore' });
  ended.push(() => stop(mongod));
  const host = `127.0.0.1:${port}`;
  const query = `tls=true&tlsCAFile=${tls}/client/ca.pem`;
  const asked = async (user: string, ask: (admin: Db) => Promise<unknown>) => {
    const uri = `mongodb://${user}${host}/?directConnection=true&authSource=admin&${query}`;
    const client = new MongoClient(uri, { serverSelectionTimeoutMS: 30_000 });
    try {
      await ask(client.db('admin'));
    } finally {
      await client.close();
    }
  };
  await asked('', async (admin) => {
    await admin.command({ replSetInitiate: { _id: 'orders', members: [{ _id: 0, host }] } });
    // On the server's machine, the first user may be created without authentication.
    await until(() => admin.command({ createUser: 'admin', pwd: PASSWORD, roles: ['root'] }));
  });
  const roles = [db, `${db}_sandbox`, `${db}_keys`].map((name) => ({ role: 'dbOwner', db: name }));
  await asked(`admin:${PASSWORD}@`, (admin) => admin.command({ createUser: 'orders', pwd: PASSWORD, roles }));
  return host;
}

/**
 * A proxy with TLS in front of Temporal, because the embedded server has no TLS. It requires a
 * client's certificate.
 */
async function temporalBehindTls(identityFile = join(tls, 'temporal', 'identity.pem')): Promise<string> {
  const [host = '', port = ''] = shared.temporalAddress.split(':');
  const identity = readFileSync(identityFile);
  const server: Server = createServer(
    {
      cert: identity,
      key: identity,
      ca: readFileSync(join(tls, 'temporal', 'ca.pem')),
      requestCert: true,
      ALPNProtocols: ['h2'],
    },
    (client) => {
      const upstream = connect(Number(port), host);
      for (const socket of [client, upstream])
        socket.on('error', () => [client, upstream].map((one) => one.destroy()));
      client.pipe(upstream).pipe(client);
    },
  );
  const itsPort = await listen(server);
  ended.push(() => server.close());
  return `127.0.0.1:${itsPort}`;
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

let variables: Record<string, string>;
let product: RoleProcess;

beforeAll(async () => {
  await issueCertificates(tls);
  const [mongodb, temporal] = [await startMongodb(), await temporalBehindTls()];
  const environment = services['worker']?.environment ?? {};
  const [, query = ''] = (environment['MONGODB_URI'] ?? '').split('?');
  const ofTls = Object.entries(environment).filter(([name]) => name.startsWith('TEMPORAL_TLS_'));
  variables = {
    ...Object.fromEntries(ofTls.map(([name, path]) => [name, path.replace('/tls', `${tls}/client`)])),
    TEMPORAL_ADDRESS: temporal,
    // The certificate of Compose has the name of its service, which differs from the address here.
    TEMPORAL_TLS_SERVER_NAME: 'temporal',
    TEMPORAL_TASK_QUEUE: db,
    MONGODB_URI: `mongodb://orders:${PASSWORD}@${mongodb}/?${query.replaceAll('/tls', `${tls}/client`)}`,
    MONGODB_DB: db,
    SANDBOX: 'on',
    DATA_DIR: join(tls, 'product'),
  };
  product = await startRoleProcess(variables);
});
afterAll(async () => {
  await product?.stop();
  for (const end of ended.toReversed()) await end();
  rmSync(tls, { recursive: true, force: true });
});

test('an order is confirmed with TLS and credentials between the product and both servers', async () => {
  const order = await apiAt(product.address).place();
  await order.becomes({ status: 'confirmed' });
});

test('the users of Temporal and MongoDB in Compose use TLS, and get no key of another user', () => {
  for (const variable of ['MONGODB_URI', 'TEMPORAL_ADDRESS'])
    expect(Object.values(services).filter(({ environment = {} }) => variable in environment)).not.toEqual([]);
  for (const [name, { environment = {}, volumes = [] }] of Object.entries(services)) {
    if ('MONGODB_URI' in environment)
      expect([name, environment['MONGODB_URI']]).toEqual([
        name,
        expect.stringContaining('&tls=true&tlsCAFile=/tls/ca.pem'),
      ]);
    if ('TEMPORAL_ADDRESS' in environment) {
      const names = Object.keys(environment).filter((variable) =>
        /^TEMPORAL_TLS_(CLIENT_)?CERT(_PATH)?$/.test(variable),
      );
      expect([name, names.length]).toEqual([name, 1]);
    }
    const mounted = volumes
      .filter((volume) => volume.startsWith('tls-'))
      .map((volume) => volume.split(':')[0]);
    if (name !== 'certificates')
      expect([name, mounted.length <= 1, mounted.includes('tls-authority')]).toEqual([name, true, false]);
  }
});

test('certificates are made once, and again when they expire', async () => {
  const file = (name: string) => join(tls, name, 'identity.pem');
  const before = readFileSync(file('client'), 'utf8');
  await issueCertificates(tls);
  expect(readFileSync(file('client'), 'utf8')).toBe(before);
  const folder = mkdtempSync(join(tls, 'short-'));
  await issueCertificates(folder, 1);
  const short = readFileSync(join(folder, 'client', 'identity.pem'), 'utf8');
  const other = readFileSync(join(folder, 'client', 'ca.pem'), 'utf8');
  await issueCertificates(folder);
  expect(readFileSync(join(folder, 'client', 'identity.pem'), 'utf8')).not.toBe(short);
  expect(readFileSync(join(folder, 'client', 'ca.pem'), 'utf8')).toBe(other);
});

describe('a process that cannot connect names what to check:', () => {
  let strangers: string;
  let expired: string;
  beforeAll(async () => {
    const folder = mkdtempSync(join(tls, 'expired-'));
    cpSync(join(tls, 'authority'), join(folder, 'authority'), { recursive: true });
    await issueCertificates(folder, 0);
    expired = await temporalBehindTls(join(folder, 'temporal', 'identity.pem'));
    strangers = mkdtempSync(join(tls, 'strangers-'));
    await issueCertificates(strangers);
  });
  const mongodb = (from: string, to: string) => ({
    MONGODB_URI: (variables['MONGODB_URI'] ?? '').replace(from, to),
  });
  const stranger = () => join(strangers, 'client', 'identity.pem');

  test.each<[string, () => object, RegExp]>([
    [
      'the CA of another MongoDB',
      () => mongodb(join(tls, 'client'), join(strangers, 'client')),
      /MongoDB is not set up yet: self-signed certificate in certificate chain \(check tlsCAFile .* in MONGODB_URI\)/,
    ],
    [
      'a CA that cannot be read',
      () => mongodb('/client/ca.pem', '/none.pem'),
      /MONGODB_URI: tlsCAFile=\S+none\.pem cannot be used: expected the path of a file that can be read/,
    ],
    [
      'the CA of another Temporal',
      () => ({ TEMPORAL_TLS_SERVER_CA_CERT_PATH: join(strangers, 'client', 'ca.pem') }),
      /InvalidCertificate.*\(check TEMPORAL_TLS_SERVER_CA_CERT_PATH/,
    ],
    [
      'a certificate of Temporal that has expired',
      () => ({ TEMPORAL_ADDRESS: expired }),
      /InvalidCertificate\(Expired.*\(check TEMPORAL_TLS_SERVER_CA_CERT_PATH/,
    ],
    [
      'another name than that of its certificate',
      () => ({ TEMPORAL_TLS_SERVER_NAME: 'other' }),
      /NotValidForName.*other.*TEMPORAL_TLS_SERVER_NAME/,
    ],
    [
      'no certificate of a client',
      () => ({ TEMPORAL_TLS_CLIENT_CERT_PATH: '', TEMPORAL_TLS_CLIENT_KEY_PATH: '' }),
      /CertificateRequired.*TEMPORAL_TLS_CLIENT_CERT_PATH/,
    ],
    [
      'a certificate of another authority',
      () => ({ TEMPORAL_TLS_CLIENT_CERT_PATH: stranger(), TEMPORAL_TLS_CLIENT_KEY_PATH: stranger() }),
      /TLS.*TEMPORAL_TLS_CLIENT_CERT_PATH/,
    ],
  ])('%s', async (_, wrong, expected) => {
    const child = spawn(process.execPath, [join('dist', 'workers', 'main.js')], {
      env: {
        PATH: process.env['PATH'],
        HTTP_PORT: '0',
        ...variables,
        DATA_DIR: join(tls, 'wrong'),
        ...wrong(),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => (output += text));
    try {
      await until(async () => expect(output).toMatch(expected));
    } finally {
      await stop(child);
    }
  });
});
