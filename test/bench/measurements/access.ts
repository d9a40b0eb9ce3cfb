import { addKey } from '../../../src/access/api-keys.js';
import type { Scope } from '../../../src/access/scopes.js';
import type { RoleProcess } from '../../support/role-process.js';
import { accept, untilConfirmed } from '../data/order-over-http.js';
import type { Bench, Measurement } from '../harness/bench.js';
import { askFor, type HttpConnection } from '../harness/http-connection.js';
import { block, interleave, inTurns, percentileOf, rate } from '../harness/interleave.js';
import { type Judged, single } from '../harness/result.js';
import { cpuOf } from '../harness/usage.js';

const CONNECTIONS = 50;
const HOT_ORDERS = 100;
/** The goal for reads of cached orders with a key, against a bare HTTP server over MongoDB. */
const goal = { of: 'ratio', is: '≥', limit: 2 } as const;

/**
 * Measures the cost of a key for each request. The baseline is the same API without authentication;
 * for `access.get.hot.bare` and `access.get.hot.persons`, it is a bare HTTP server over MongoDB.
 */
export const access: Measurement = {
  name: 'access',
  needsDataset: true,
  async run(bench) {
    // The workers of the product process the orders of both APIs.
    await bench.product();
    const open = await bench.productBeside({ ROLES: 'write,read' });
    // Requests are counted, but the limit is never reached.
    const env = { ROLES: 'write,read', AUTH: 'on', RATE_LIMIT: '1000000000' };
    const guarded = await bench.productBeside(env);
    const headers = await keyWith(bench, ['orders:read', 'orders:write']);
    return [
      ...(await accepted(bench, open, guarded, headers)),
      ...(await hot(bench, open, guarded, headers)),
      await hotPersons(bench, guarded),
    ];
  },
};

type Headers = Readonly<Record<string, string>>;

async function keyWith(bench: Bench, scopes: readonly Scope[]): Promise<Headers> {
  const { key } = await addKey(bench.db, { client: 'bench', scopes });
  return { authorization: `Bearer ${key}` };
}

/**
 * The CPU of the API for `POST` → 201, one order at a time. It varies by more than a key
 * costs, so `seal` measures what a key costs.
 */
async function accepted(
  bench: Bench,
  open: RoleProcess,
  guarded: RoleProcess,
  headers: Headers,
): Promise<Judged[]> {
  const orders = bench.pick(200, 50);
  const orderIds: string[] = [];
  const create =
    ({ address, pid }: RoleProcess, sent?: Headers) =>
    async () => {
      // The server closes an idle connection, so each turn opens a new one.
      const [api] = await bench.connect(address, 1, sent);
      const before = await cpuOf(pid);
      for (let order = 0; order < orders; order += 1) orderIds.push(await accept(api));
      return ((await cpuOf(pid)) - before) / orders;
    };
  const sides = { product: create(guarded, headers), baseline: create(open) };
  const cpu = await inTurns(sides, bench.pick(6, 4), bench.note);
  // The workers lag by now, and would compete with the reads that are measured next.
  bench.note('waiting until the orders are confirmed');
  const [api] = await bench.connect(open.address, 1);
  for (const orderId of orderIds) await untilConfirmed(api, orderId);
  const [product, baseline] = [percentileOf(cpu.product)(0.5), percentileOf(cpu.baseline)(0.5)];
  return [single('access.accept', product, 'ms of CPU', { baseline })];
}

/** Measures `GET /v1/orders/{id}` of a hundred orders. */
async function hot(
  bench: Bench,
  open: RoleProcess,
  guarded: RoleProcess,
  headers: Headers,
): Promise<Judged[]> {
  const withKey = await bench.connect(guarded.address, CONNECTIONS, headers);
  const orderIds = bench.dataset().orderIds.slice(0, HOT_ORDERS);
  const ask = readsOf(bench, orderIds);
  const product = ask(withKey);
  const against = async (address: string) => {
    const baseline = ask(await bench.connect(address, CONNECTIONS));
    return await interleave({ product, baseline }, bench.pick(5, 2), bench.note);
  };
  const ofOpen = await against(open.address);
  const ofBare = await against(await bench.bareApi());
  return [
    rate('access.get.hot', 'requests/s', ofOpen),
    rate('access.get.hot.bare', 'requests/s', ofBare, goal),
  ];
}

/**
 * Measures `GET` of a hundred orders that were created over HTTP. Their personal data is opened for
 * the client.
 */
async function hotPersons(bench: Bench, guarded: RoleProcess): Promise<Judged> {
  const headers = await keyWith(bench, ['orders:read', 'orders:write', 'persons:read']);
  const withKey = await bench.connect(guarded.address, CONNECTIONS, headers);
  bench.note('creating orders');
  const orderIds: string[] = [];
  await block(HOT_ORDERS, CONNECTIONS, async (lane) => {
    const api = withKey[lane] ?? withKey[0];
    const orderId = await accept(api);
    await untilConfirmed(api, orderId);
    orderIds.push(orderId);
  });
  const { body } = await withKey[0].get(`/v1/orders/${orderIds[0]}`);
  if (!body.includes('Ada Example')) throw new Error(`The person is not open: ${body.toString()}`);
  const ask = readsOf(bench, orderIds);
  const bare = await bench.connect(await bench.bareApi(), CONNECTIONS);
  const sides = { product: ask(withKey), baseline: ask(bare) };
  const reads = await interleave(sides, bench.pick(5, 2), bench.note);
  return rate('access.get.hot.persons', 'requests/s', reads, goal);
}

function readsOf(bench: Bench, orderIds: readonly string[]) {
  const path = () => `/v1/orders/${orderIds[Math.floor(Math.random() * orderIds.length)]}`;
  const ms = bench.pick(4_000, 500);
  return (all: readonly HttpConnection[]) => () => askFor({ connections: all, ms, path });
}
