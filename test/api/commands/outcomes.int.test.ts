import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { hashOf } from '../../../src/log/gateway/derived-ids.js';
import { endpointLog } from '../../../src/endpoint/endpoint-log.js';
import { type AnyLog, workflowIdOf } from '../../../src/log/entity-log/entity-log.js';
import { ensureJournalIndexes, journal } from '../../../src/log/journal/journal.js';
import { ensureStateViewIndexes, stateViews } from '../../../src/log/entity-log/state-view.js';
import type { State } from '../../../src/log/entity.js';
import type { ContinuedEntity } from '../../../src/log/workflow/inputs.js';
import { type EntityState, type Message, stateQuery } from '../../../src/log/workflow/messages.js';
import { orderLog } from '../../../src/order-log.js';
import {
  NOWHERE,
  orderBody,
  placedOrder,
  productWaits,
  type Reply,
  startTestApi,
  type TestApi,
} from '../../support/api.js';
import { until } from '../../support/until.js';

const root = '/v1/webhook-endpoints';
const url = 'https://shop.example/hooks';
const LIMIT_MS = 120_000;

let api: TestApi;
let withoutMongodb: TestApi;
let withoutTemporal: TestApi;
let withoutWorker: TestApi;
let withHttp: TestApi;
beforeAll(async () => {
  api = await startTestApi();
  await api.startWorker();
  await ensureJournalIndexes(endpointLog, api.mongo.db);
  await ensureStateViewIndexes(endpointLog, api.mongo.db);
  const { mongodb, temporal } = api.config;
  const same = { MONGODB_DB: mongodb.db, TEMPORAL_TASK_QUEUE: temporal.taskQueue };
  const nowhere = `mongodb://${NOWHERE}/?directConnection=true`;
  withoutMongodb = await startTestApi({ ...same, MONGODB_URI: nowhere });
  const away = { ...same, MONGODB_URI: mongodb.uri, TEMPORAL_ADDRESS: NOWHERE };
  withoutTemporal = await startTestApi(away, productWaits);
  withoutWorker = await startTestApi({}, productWaits);
  withHttp = await startTestApi({ ...same, MONGODB_URI: mongodb.uri, WEBHOOKS_ALLOW_PRIVATE: 'on' });
});
afterAll(async () => {
  const others = [withoutMongodb, withoutTemporal, withoutWorker, withHttp];
  await Promise.all(others.map((one) => one.close()));
  await api.close();
});

/** What of an answer does not depend on the request: its status, its headers, and its body. */
function outcome({ status, headers, body }: Reply) {
  const { type: _type, title: _title, help: _help, instance: _path, correlationId: _id, ...rest } = body;
  const shown = ['etag', 'idempotent-replayed', 'retry-after', 'location', 'cache-control'] as const;
  const set = shown.flatMap((name) => (headers[name] === undefined ? [] : [[name, headers[name]]]));
  return { status, ...Object.fromEntries(set), ...(status < 400 ? {} : { body: rest }) };
}

function problem(status: number, code: string, detail: unknown, members: object = {}) {
  return {
    status,
    ...(status === 503 && { 'retry-after': '2' }),
    body: { status, code, detail, ...members },
  };
}

const outcomeUnknown = problem(
  503,
  'outcome_unknown',
  'There was no answer in time. The outcome is unknown: it may still take effect. Send it again with the same Idempotency-Key.',
);
const mongodbUnavailable = problem(503, 'mongodb_unavailable', 'MongoDB cannot be reached. Try again soon.');
const journalUnavailable = problem(
  503,
  'journal_unavailable',
  'the journal must be asked whether this key was used before, and MongoDB does not answer: try again with the same key',
);

const journalIncomplete = problem(
  503,
  'journal_unavailable',
  'the journal must be asked whether this key was used before, and it lacks earlier events, which are still to be recorded: try again with the same key',
);

const reused = (key: string, members: object = {}) =>
  problem(422, 'key_reused', `the key ${key} was used with another body: use a new key`, members);

const workflowOf = (log: AnyLog, id: string) => api.client.workflow.getHandle(workflowIdOf(log, id));

/** Waits until the view has this version. */
async function viewed(log: AnyLog, id: string, version: number): Promise<void> {
  await until(async () =>
    expect(await stateViews(log, api.mongo.db).findOne({ _id: id })).toMatchObject({ version }),
  );
}

/** Ends a workflow before its entity has ended. */
async function terminated(log: AnyLog, id: string): Promise<void> {
  const { order } = await workflowOf(log, id).query<EntityState<State>>(stateQuery);
  await viewed(log, id, order.version);
  await workflowOf(log, id).terminate();
}

/** Makes an entity forget its commands, as it does after more than 500 of them. */
async function forget(log: AnyLog, id: string): Promise<void> {
  const { order } = await workflowOf(log, id).query<EntityState<State>>(stateQuery);
  await terminated(log, id);
  const forgotten: ContinuedEntity<State> = {
    orderId: id,
    order,
    unrecorded: [],
    remembered: [],
    memoryFrom: order.version,
  };
  await api.client.workflow.start(log.entity.name, {
    workflowId: workflowIdOf(log, id),
    taskQueue: api.config.temporal.taskQueue,
    args: [forgotten],
  });
}

/** Temporal deletes the workflow, as it does some days after its end. */
async function deleteWorkflow(log: AnyLog, id: string): Promise<void> {
  const { connection, options } = api.client;
  await connection.workflowService.deleteWorkflowExecution({
    namespace: options.namespace,
    workflowExecution: { workflowId: workflowIdOf(log, id) },
  });
  await until(() => expect(workflowOf(log, id).describe()).rejects.toThrow('not found'));
}

/** Sends a command as a signal. */
async function signal(log: AnyLog, id: string, type: string, key: string): Promise<void> {
  const message: Message = {
    data: {},
    commandId: `anonymous ${key}`,
    hash: hashOf({ type, endpointId: id, body: {} }),
    correlationId: key,
    actor: 'anonymous',
    requestId: randomUUID(),
  };
  await workflowOf(log, id).signal<[Message]>(type, message);
}

interface Sent {
  readonly to?: TestApi;
  readonly key?: string;
  readonly ifMatch?: number;
  readonly prefer?: string;
}

function headersOf({ key = randomUUID(), ifMatch, prefer }: Sent) {
  return {
    'idempotency-key': key,
    ...(ifMatch !== undefined && { 'if-match': `"${ifMatch}"` }),
    ...(prefer !== undefined && { prefer }),
  };
}

async function send(method: 'POST' | 'PATCH' | 'DELETE', path: string, body: object | undefined, sent: Sent) {
  const type = { 'content-type': 'application/json' };
  const { to = api } = sent;
  return body === undefined
    ? await to.send(method, path, undefined, headersOf(sent))
    : await to.send(method, path, JSON.stringify(body), { ...type, ...headersOf(sent) });
}

describe('an endpoint', () => {
  const create = (sent: Sent = {}, body: object = { url }) => send('POST', root, body, sent);
  const patch = (id: string, body: object, sent: Sent = {}) => send('PATCH', `${root}/${id}`, body, sent);
  const describeAs = (id: string, description: string, sent: Sent = {}) => patch(id, { description }, sent);
  const remove = (id: string, sent: Sent = {}) => send('DELETE', `${root}/${id}`, undefined, sent);
  const rotate = (id: string, sent: Sent = {}) => send('POST', `${root}/${id}/rotate-secret`, {}, sent);

  /** Every command, by its request. */
  const commands: Readonly<Record<string, (id: string, sent?: Sent) => Promise<Reply>>> = {
    change: (id, sent) => describeAs(id, 'late', sent),
    enable: (id, sent) => patch(id, { enabled: true }, sent),
    disable: (id, sent) => patch(id, { enabled: false }, sent),
    'change and enable': (id, sent) => patch(id, { description: 'late', enabled: true }, sent),
    delete: remove,
    'rotate secret': rotate,
  };

  /** The outcomes of every command, each sent under a key of its own. */
  async function outcomesOf(id: string, sent: Omit<Sent, 'key'> = {}) {
    const found = Object.entries(commands).map(
      async ([name, command]) => [name, outcome(await command(id, sent))] as const,
    );
    return Object.fromEntries(await Promise.all(found));
  }

  const forEach = (expected: object) =>
    Object.fromEntries(Object.keys(commands).map((name) => [name, expected]));

  const notFound = (id: string) => problem(404, 'endpoint_not_found', `There is no webhook endpoint ${id}.`);
  const endedEarly = (id: string, how: string) =>
    problem(
      409,
      'workflow_ended',
      `the endpoint is not finished, ${how}: npx orders resume ${id} --entity endpoint`,
    );

  async function created(sent: Sent = {}): Promise<string> {
    const reply = await create(sent);
    expect(reply.status).toBe(201);
    return String(reply.body.endpointId);
  }

  /** An endpoint that was changed under the key `K`, and then deleted under the key `D`. */
  async function deleted(): Promise<string> {
    const id = await created();
    expect((await describeAs(id, 'one', { key: 'K' })).status).toBe(200);
    expect((await remove(id, { key: 'D' })).status).toBe(200);
    await workflowOf(endpointLog, id).result();
    return id;
  }

  test('that is created is answered with its place, and again when its creation is repeated', async () => {
    const key = randomUUID();
    const first = await create({ key });
    const id = String(first.body.endpointId);
    const location = `${root}/${id}`;
    const answer = { status: 201, etag: '"1"', location, 'cache-control': 'no-store' };
    expect(outcome(first)).toEqual(answer);
    const replayed = { ...answer, 'idempotent-replayed': 'true' };
    const again = await create({ key });
    expect(outcome(again)).toEqual(replayed);
    expect(again.body).toEqual(first.body);
    expect(outcome(await create({ key }, { url, description: 'other' }))).toEqual(reused(key));
    await terminated(endpointLog, id);
    expect((await create({ key })).body).toEqual(first.body);
    expect(outcome(await create({ key }, { url, description: 'other' }))).toEqual(reused(key));
  });

  test('that is created again is answered as at first, although http is no longer allowed', async () => {
    const key = randomUUID();
    const body = { url: 'http://shop.example/hooks' };
    const first = await create({ key, to: withHttp }, body);
    expect(first.status).toBe(201);
    const again = await create({ key }, body);
    expect(again).toMatchObject({ status: 201, headers: { 'idempotent-replayed': 'true' } });
    expect(again.body).toEqual(first.body);
    expect(outcome(await create({ key }, { ...body, description: 'other' }))).toEqual(reused(key));
    expect((await create({}, body)).body.code).toBe('invalid_url');
  });

  test('is not created from what it refuses', async () => {
    const detail = 'url is not an absolute https URL';
    const errors = [{ pointer: '/url', in: 'body', detail }];
    const refused = problem(422, 'invalid_url', detail, { errors });
    expect(outcome(await create({}, { url: 'http://shop.example' }))).toEqual(refused);
    const unreachable = { to: withoutTemporal };
    expect(outcome(await create(unreachable, { url: 'http://shop.example' }))).toEqual(refused);
    const id = await created();
    const changed = await patch(id, { url: 'http://shop.example' });
    expect(outcome(changed)).toEqual(
      problem(422, 'invalid_url', detail, { errors, version: 1, orderStatus: 'enabled' }),
    );
  });

  test('that runs is judged by the version that the client expects', async () => {
    const id = await created();
    const stale = (version: number, status = 'enabled') =>
      problem(412, 'stale_version', `the endpoint is at version ${version}, not 7: read it again`, {
        version,
        orderStatus: status,
      });
    expect(await outcomesOf(id, { ifMatch: 7 })).toEqual(forEach(stale(1)));
    expect(outcome(await describeAs(id, 'one', { ifMatch: 1 }))).toEqual({ status: 200, etag: '"2"' });
    const combined = { description: 'two', enabled: false };
    expect(outcome(await patch(id, combined, { ifMatch: 2 }))).toEqual({ status: 200, etag: '"4"' });
    expect(outcome(await rotate(id, { ifMatch: 4 }))).toEqual({
      status: 200,
      etag: '"5"',
      'cache-control': 'no-store',
    });
    expect(outcome(await remove(id, { ifMatch: 7 }))).toEqual(stale(5, 'disabled'));
    expect(outcome(await remove(id, { ifMatch: 5 }))).toEqual({ status: 200, etag: '"6"' });
  });

  test('that runs refuses what does not fit, and answers a repetition as before', async () => {
    const id = await created();
    expect(outcome(await patch(id, { enabled: true }))).toEqual(
      problem(409, 'not_allowed', 'it is enabled already', {
        allowedCommands: ['ChangeEndpoint', 'RotateSecret', 'DisableEndpoint', 'DeleteEndpoint'],
        version: 1,
        orderStatus: 'enabled',
      }),
    );
    const first = await describeAs(id, 'one', { key: 'K' });
    await describeAs(id, 'two');
    await viewed(endpointLog, id, 3);
    const again = await describeAs(id, 'one', { key: 'K', ifMatch: 7 });
    expect(outcome(again)).toEqual({ status: 200, etag: '"2"', 'idempotent-replayed': 'true' });
    expect(again.body).toEqual(first.body);
    const reusedNow = reused('K', {
      version: 3,
      orderStatus: 'enabled',
    });
    expect(outcome(await describeAs(id, 'other', { key: 'K' }))).toEqual(reusedNow);
    // The key is that of another command, and If-Match is wrong: the key counts.
    expect(outcome(await remove(id, { key: 'K', ifMatch: 7 }))).toEqual(reusedNow);
    await signal(endpointLog, id, 'EnableEndpoint', 'S.enabled');
    await viewed(endpointLog, id, 4);
    // A signal that was rejected does not use up its key.
    expect(outcome(await patch(id, { enabled: true }, { key: 'S' }))).toMatchObject({
      status: 409,
      body: { code: 'not_allowed' },
    });
  });

  test('that never was is not found', async () => {
    const id = randomUUID();
    expect(await outcomesOf(id)).toEqual(forEach(notFound(id)));
    expect(await outcomesOf(id, { ifMatch: 1 })).toEqual(forEach(notFound(id)));
    const { 'rotate secret': read, ...others } = await outcomesOf(id, { to: withoutMongodb });
    expect({ ...others, 'rotate secret': read }).toEqual(forEach(mongodbUnavailable));
    expect(await outcomesOf(id, { to: withoutTemporal })).toEqual(forEach(outcomeUnknown));
  });

  test(
    'that was deleted is not found, and answers repetitions as before',
    async () => {
      const id = await deleted();
      const answersAsDeleted = async () => {
        for (const ifMatch of [undefined, 3, 7])
          expect(await outcomesOf(id, ifMatch === undefined ? {} : { ifMatch })).toEqual(
            forEach(notFound(id)),
          );
        const replayed = { status: 200, 'idempotent-replayed': 'true' };
        for (const ifMatch of [{}, { ifMatch: 7 }]) {
          const again = await describeAs(id, 'one', { key: 'K', ...ifMatch });
          expect(outcome(again)).toEqual({ ...replayed, etag: '"2"' });
          expect(again.body).toMatchObject({
            endpointId: id,
            version: 2,
            status: 'enabled',
            description: 'one',
          });
          const removed = await remove(id, { key: 'D', ...ifMatch });
          expect(outcome(removed)).toEqual({ ...replayed, etag: '"3"' });
          expect(removed.body).toMatchObject({ endpointId: id, version: 3, status: 'deleted' });
          expect(outcome(await describeAs(id, 'other', { key: 'K', ...ifMatch }))).toEqual(reused('K'));
          expect(outcome(await describeAs(id, 'other', { key: 'D', ...ifMatch }))).toEqual(reused('D'));
        }
      };
      await answersAsDeleted();
      const inOutage = async () => {
        const { 'rotate secret': _, ...others } = await outcomesOf(id, { to: withoutMongodb });
        return Object.values(others);
      };
      for (const one of await inOutage()) expect(one).toEqual(mongodbUnavailable);
      expect(outcome(await rotate(id, { to: withoutMongodb }))).toEqual(notFound(id));
      const repeated = () => describeAs(id, 'one', { key: 'K', to: withoutMongodb });
      // Temporal knows the updates of a workflow until it deletes it. The endpoint of the first
      // answer is in the journal.
      expect(outcome(await repeated())).toEqual({ status: 200, etag: '"3"', 'idempotent-replayed': 'true' });
      expect(await outcomesOf(id, { to: withoutTemporal })).toEqual(forEach(outcomeUnknown));
      await deleteWorkflow(endpointLog, id);
      expect(outcome(await repeated())).toEqual(mongodbUnavailable);
      await answersAsDeleted();
      for (const one of await inOutage()) expect(one).toEqual(mongodbUnavailable);
      expect(outcome(await rotate(id, { to: withoutMongodb }))).toEqual(mongodbUnavailable);
    },
    LIMIT_MS,
  );

  test('that was deleted is not found either if a signal under the same key was rejected before', async () => {
    const id = await created();
    await signal(endpointLog, id, 'EnableEndpoint', 'S.enabled');
    await viewed(endpointLog, id, 2);
    await remove(id);
    await workflowOf(endpointLog, id).result();
    expect(outcome(await patch(id, { enabled: true }, { key: 'S' }))).toEqual(notFound(id));
    expect(outcome(await patch(id, { enabled: false }, { key: 'S' }))).toEqual(reused('S.enabled'));
  });

  test('that was deleted is not created again', async () => {
    const key = randomUUID();
    const id = await created({ key });
    await remove(id);
    await workflowOf(endpointLog, id).result();
    expect(outcome(await create({ key }))).toEqual(notFound(id));
    expect(outcome(await create({ key }, { url, description: 'other' }))).toEqual(reused(key));
  });

  test('that was deleted needs its view and its journal', async () => {
    const id = await deleted();
    const { db } = api.mongo;
    await journal(endpointLog, db).deleteMany({ orderId: id, version: 1 });
    // Rotating a secret asks the workflow first.
    const { 'rotate secret': read, ...others } = await outcomesOf(id);
    expect(read).toEqual(notFound(id));
    for (const one of Object.values(others)) expect(one).toEqual(journalIncomplete);
    await stateViews(endpointLog, db).deleteOne({ _id: id });
    expect(await outcomesOf(id)).toEqual(forEach(notFound(id)));
    await deleteWorkflow(endpointLog, id);
    expect(await outcomesOf(id)).toEqual(forEach(notFound(id)));
    expect(outcome(await describeAs(id, 'one', { key: 'K' }))).toEqual(notFound(id));
  });

  test(
    'whose workflow has ended too early says how to resume it, and answers repetitions as before',
    async () => {
      const id = await created();
      expect((await describeAs(id, 'one', { key: 'K' })).status).toBe(200);
      await terminated(endpointLog, id);
      const answersAsEnded = async (how: string) => {
        for (const ifMatch of [undefined, 2, 7])
          expect(await outcomesOf(id, ifMatch === undefined ? {} : { ifMatch })).toEqual(
            forEach(endedEarly(id, how)),
          );
        const again = await describeAs(id, 'one', { key: 'K', ifMatch: 7 });
        expect(outcome(again)).toEqual({ status: 200, etag: '"2"', 'idempotent-replayed': 'true' });
        expect(outcome(await describeAs(id, 'other', { key: 'K' }))).toEqual(reused('K'));
      };
      await answersAsEnded('but its workflow has ended (terminated)');
      expect((await api.get(`${root}/${id}`)).status).toBe(200);
      expect(outcome(await describeAs(id, 'x', { to: withoutMongodb }))).toEqual(mongodbUnavailable);
      expect(outcome(await describeAs(id, 'x', { to: withoutTemporal }))).toEqual(outcomeUnknown);
      await deleteWorkflow(endpointLog, id);
      await answersAsEnded('and Temporal has no workflow of it');
      const { db } = api.mongo;
      await journal(endpointLog, db).deleteMany({ orderId: id, version: 2 });
      expect(outcome(await describeAs(id, 'x'))).toEqual(journalIncomplete);
      await stateViews(endpointLog, db).deleteOne({ _id: id });
      expect(await outcomesOf(id)).toEqual(forEach(notFound(id)));
    },
    LIMIT_MS,
  );

  test('that has forgotten its first commands asks the journal', async () => {
    const id = await created();
    const first = await describeAs(id, 'one', { key: 'K' });
    await forget(endpointLog, id);
    expect(outcome(await describeAs(id, 'new', { to: withoutMongodb }))).toEqual(journalUnavailable);
    expect(outcome(await describeAs(id, 'one', { key: 'K', to: withoutMongodb }))).toEqual(
      journalUnavailable,
    );
    const again = await describeAs(id, 'one', { key: 'K', ifMatch: 7 });
    expect(outcome(again)).toEqual({ status: 200, etag: '"2"', 'idempotent-replayed': 'true' });
    expect(again.body).toEqual(first.body);
    expect(outcome(await describeAs(id, 'other', { key: 'K' }))).toEqual(reused('K'));
    expect(outcome(await describeAs(id, 'new', { ifMatch: 7 }))).toMatchObject({
      status: 412,
      body: { code: 'stale_version', version: 2 },
    });
    expect(outcome(await patch(id, { enabled: true }))).toMatchObject({
      status: 409,
      body: { code: 'not_allowed', version: 2 },
    });
    expect(outcome(await describeAs(id, 'new', { key: 'L' }))).toEqual({ status: 200, etag: '"3"' });
    // It remembers the new one, and does not need the journal for it.
    const known = await describeAs(id, 'new', { key: 'L', to: withoutMongodb });
    expect(outcome(known)).toEqual({ status: 200, etag: '"3"', 'idempotent-replayed': 'true' });
    await journal(endpointLog, api.mongo.db).deleteMany({ orderId: id, version: 1 });
    expect(outcome(await describeAs(id, 'newer'))).toEqual(journalIncomplete);
  });

  test('that runs takes commands without MongoDB, as far as they store nothing else', async () => {
    const id = await created();
    const to = withoutMongodb;
    expect(outcome(await describeAs(id, 'one', { key: 'K', to }))).toEqual({ status: 200, etag: '"2"' });
    await describeAs(id, 'two', { to });
    // The endpoint of the first answer is in the journal: without it, the current one is shown.
    const again = await describeAs(id, 'one', { key: 'K', to });
    expect(outcome(again)).toEqual({ status: 200, etag: '"3"', 'idempotent-replayed': 'true' });
    expect(outcome(await rotate(id, { to }))).toEqual(mongodbUnavailable);
    expect(outcome(await remove(id, { to, ifMatch: 7 }))).toMatchObject({ status: 412 });
    expect(outcome(await remove(id, { to, key: 'D' }))).toEqual(mongodbUnavailable);
    await workflowOf(endpointLog, id).result();
    expect(outcome(await remove(id, { key: 'D' }))).toMatchObject({ status: 200, etag: '"4"' });
    expect(outcome(await create({ to }))).toEqual(mongodbUnavailable);
  });

  test('that runs while no worker does is created, and the outcome of commands is unknown', async () => {
    const [to, key] = [withoutWorker, randomUUID()];
    const first = await create({ to, key });
    const id = String(first.body.endpointId);
    expect(first.status).toBe(201);
    const again = await create({ to, key });
    expect(outcome(again)).toMatchObject({ status: 201, 'idempotent-replayed': 'true' });
    expect(again.body).toEqual(first.body);
    expect(await outcomesOf(id, { to })).toEqual(forEach(outcomeUnknown));
    expect(outcome(await create({ to: withoutTemporal }))).toEqual(outcomeUnknown);
  });
});

describe('an order', () => {
  const note = (id: string, text: string, sent: Sent = {}) =>
    send('POST', `/v1/orders/${id}/notes`, { text }, sent);
  const cancel = (id: string, sent: Sent = {}) =>
    send('POST', `/v1/orders/${id}/cancel`, { reason: 'x' }, sent);
  const preview = (id: string, text: string, sent: Sent = {}) =>
    send('POST', `/v1/orders/${id}/notes?preview=true`, { text }, sent);

  const notFound = (id: string) => problem(404, 'order_not_found', `there is no order ${id}`);
  const inSignal = 'respond-async';

  test('that never was is not found', async () => {
    const id = randomUUID();
    for (const sent of [{}, { ifMatch: 1 }, { prefer: inSignal }])
      expect(outcome(await cancel(id, sent))).toEqual(notFound(id));
    expect(outcome(await preview(id, 'x'))).toEqual(notFound(id));
    for (const sent of [{}, { prefer: inSignal }])
      expect(outcome(await cancel(id, { ...sent, to: withoutMongodb }))).toEqual(outcomeUnknown);
    const previewed = await send('POST', `/v1/orders/${id}/release?preview=true`, {}, { to: withoutMongodb });
    expect(outcome(previewed)).toEqual(
      problem(503, 'preview_unavailable', `order ${id} cannot preview the command now: try again`),
    );
    // Which key seals a note depends on the order's customer.
    for (const ask of [note, preview])
      expect(outcome(await ask(id, 'x', { to: withoutMongodb }))).toEqual(journalUnavailable);
  });

  test('that runs refuses what does not fit, and answers a repetition as before', async () => {
    const id = await placedOrder(api);
    const first = await note(id, 'one', { key: 'K' });
    expect(outcome(first)).toEqual({ status: 200, etag: '"5"', location: `/v1/orders/${id}` });
    const again = await note(id, 'one', { key: 'K', ifMatch: 1 });
    expect(outcome(again)).toEqual({ ...outcome(first), 'idempotent-replayed': 'true' });
    expect(again.body).toEqual(first.body);
    const shown = { version: 5, orderStatus: 'confirmed' };
    expect(outcome(await note(id, 'other', { key: 'K' }))).toEqual(reused('K', shown));
    const stale = problem(412, 'stale_version', 'the order is at version 5, not 1: read it again', shown);
    expect(outcome(await note(id, 'two', { ifMatch: 1 }))).toEqual(stale);
    expect(outcome(await preview(id, 'two', { ifMatch: 1 }))).toEqual(stale);
  });

  test(
    'that has ended is closed, and answers repetitions as before',
    async () => {
      const id = await placedOrder(api);
      const first = await note(id, 'one', { key: 'K' });
      const signalled = { key: 'S', prefer: inSignal };
      expect((await note(id, 'signal', signalled)).status).toBe(202);
      expect((await cancel(id)).status).toBe(200);
      await workflowOf(orderLog, id).result();
      const { version } = (await api.get(`/v1/orders/${id}`)).body;
      const shown = { version, orderStatus: 'cancelled' };
      const closed = problem(409, 'order_closed', `order ${id} is closed: it takes no command any more`, {
        allowedCommands: [],
        ...shown,
      });
      const stale = problem(
        412,
        'stale_version',
        `the order is at version ${version}, not 1: look at it again`,
        shown,
      );
      for (const ask of [note, preview]) {
        expect(outcome(await ask(id, 'two'))).toEqual(closed);
        expect(outcome(await ask(id, 'two', { ifMatch: version }))).toEqual(closed);
        expect(outcome(await ask(id, 'two', { ifMatch: 1 }))).toEqual(stale);
        expect(outcome(await ask(id, 'other', { key: 'K', ifMatch: 1 }))).toEqual(reused('K'));
      }
      expect(outcome(await note(id, 'two', { prefer: inSignal }))).toEqual(closed);
      const again = await note(id, 'one', { key: 'K', ifMatch: 1 });
      expect(outcome(again)).toEqual({ ...outcome(first), 'idempotent-replayed': 'true' });
      expect(again.body).toEqual(first.body);
      expect(outcome(await note(id, 'signal', signalled))).toEqual({
        status: 202,
        location: `/v1/orders/${id}`,
        'idempotent-replayed': 'true',
      });
      expect(outcome(await note(id, 'other', signalled))).toEqual(reused('S'));
      const inOutage = { to: withoutMongodb };
      for (const sent of [{}, { key: 'K' }, { ifMatch: 1 }, { prefer: inSignal }])
        expect(outcome(await note(id, 'one', { ...sent, ...inOutage }))).toEqual(outcomeUnknown);
      expect(outcome(await note(id, 'one', { to: withoutTemporal }))).toEqual(outcomeUnknown);
      // Without the view, the answer is the same.
      await stateViews(orderLog, api.mongo.db).deleteOne({ _id: id });
      expect(outcome(await note(id, 'two'))).toEqual(closed);
      await deleteWorkflow(orderLog, id);
      expect(outcome(await note(id, 'two'))).toEqual(closed);
      expect(outcome(await note(id, 'two', { ifMatch: 1 }))).toEqual(stale);
      expect(outcome(await note(id, 'one', { key: 'K' }))).toMatchObject({ 'idempotent-replayed': 'true' });
      expect(outcome(await note(id, 'other', { key: 'K' }))).toEqual(reused('K'));
    },
    LIMIT_MS,
  );

  test(
    'whose workflow has ended too early says how to resume it, and answers repetitions as before',
    async () => {
      const id = await placedOrder(api);
      const first = await note(id, 'one', { key: 'K' });
      await terminated(orderLog, id);
      const shown = { version: 5, orderStatus: 'confirmed' };
      const ended = (how: string) =>
        problem(409, 'workflow_ended', `the order is not finished, ${how}: npx orders resume ${id}`, shown);
      const stale = problem(
        412,
        'stale_version',
        'the order is at version 5, not 1: look at it again',
        shown,
      );
      const answersAsEnded = async (how: string) => {
        for (const sent of [{}, { ifMatch: 5 }, { prefer: inSignal }])
          expect(outcome(await note(id, 'two', sent))).toEqual(ended(how));
        for (const sent of [{}, { prefer: inSignal }])
          expect(outcome(await note(id, 'two', { ifMatch: 1, ...sent }))).toEqual(stale);
        expect(outcome(await preview(id, 'two'))).toEqual(ended(how));
        const again = await note(id, 'one', { key: 'K', ifMatch: 1 });
        expect(outcome(again)).toEqual({ ...outcome(first), 'idempotent-replayed': 'true' });
        expect(outcome(await note(id, 'other', { key: 'K' }))).toEqual(reused('K'));
      };
      await answersAsEnded('but its workflow has ended (terminated)');
      expect(outcome(await note(id, 'one', { key: 'K', to: withoutMongodb }))).toEqual(outcomeUnknown);
      await deleteWorkflow(orderLog, id);
      await answersAsEnded('and Temporal has no workflow of it');
      // An order that the journal does not know is not known at all then.
      await journal(orderLog, api.mongo.db).deleteMany({ orderId: id });
      expect(outcome(await note(id, 'two'))).toEqual(notFound(id));
    },
    LIMIT_MS,
  );

  test('whose workflow has ended without an event says so', async () => {
    const { body } = await withoutWorker.post('/v1/orders', { body: orderBody() });
    const id = String(body.orderId);
    await workflowOf(orderLog, id).terminate();
    const ended = problem(
      409,
      'workflow_ended',
      `the order is not finished, but its workflow has ended (terminated): npx orders resume ${id}`,
    );
    for (const sent of [{}, { ifMatch: 7 }, { prefer: inSignal }])
      expect(outcome(await note(id, 'x', { ...sent, to: withoutWorker }))).toEqual(ended);
  });

  test('that has forgotten its first commands asks the journal', async () => {
    const id = await placedOrder(api);
    const first = await note(id, 'one', { key: 'K' });
    await forget(orderLog, id);
    const inOutage = { to: withoutMongodb };
    const hold = (key: string, sent: Sent = {}) =>
      send('POST', `/v1/orders/${id}/hold`, { reason: 'x' }, { key, ...sent });
    expect(outcome(await hold('H', inOutage))).toEqual(journalUnavailable);
    for (const ask of [note, preview]) {
      expect(outcome(await ask(id, 'new', inOutage))).toEqual(journalUnavailable);
      expect(outcome(await ask(id, 'one', { key: 'K', ...inOutage }))).toEqual(journalUnavailable);
      expect(outcome(await ask(id, 'other', { key: 'K' }))).toEqual(reused('K'));
      expect(outcome(await ask(id, 'new', { ifMatch: 1 }))).toMatchObject({
        status: 412,
        body: { version: 5 },
      });
    }
    const again = await note(id, 'one', { key: 'K', ifMatch: 1 });
    expect(outcome(again)).toEqual({ ...outcome(first), 'idempotent-replayed': 'true' });
    expect(again.body).toEqual(first.body);
    expect(outcome(await preview(id, 'one', { key: 'K' }))).toEqual({
      status: 200,
      etag: '"5"',
      'idempotent-replayed': 'true',
    });
    expect(outcome(await preview(id, 'new'))).toEqual({ status: 200, etag: '"5"' });
    expect(outcome(await note(id, 'new', { key: 'L' }))).toMatchObject({ status: 200, etag: '"6"' });
    // It remembers a later one, and does not need the journal for it.
    expect(outcome(await hold('H'))).toMatchObject({ status: 200, etag: '"7"' });
    const known = await hold('H', { ...inOutage, ifMatch: 1 });
    expect(outcome(known)).toMatchObject({ status: 200, etag: '"7"', 'idempotent-replayed': 'true' });
    await journal(orderLog, api.mongo.db).deleteMany({ orderId: id, version: 1 });
    expect(outcome(await note(id, 'newer'))).toEqual(journalIncomplete);
  });
});
