import { expect, test } from '@jest/globals';
import { type Endpoint, endpoints } from '../../src/endpoint/endpoint.js';
import { endpointLog } from '../../src/endpoint/endpoint-log.js';
import { append } from '../../src/log/append.js';
import { NewerEvent } from '../../src/log/entity.js';

const url = 'https://shop.example/hooks';
const cause = {
  occurredAt: '2026-01-01T00:00:00.000Z',
  commandId: 'shop k-1',
  correlationId: 'c-1',
  causationId: 'shop k-1.0',
  actor: 'shop',
};

/** What each stored event of these tests has, besides its type and version. */
const envelope = { ...cause, data: {}, orderId: 'ep-1', schemaVersion: 1 };

function after(...commands: readonly (readonly [string, object])[]): Endpoint {
  const all = [['CreateEndpoint', { url, secretId: 'one' }] as const, ...commands];
  let state: Endpoint | undefined;
  for (const [type, data] of all) {
    const decision = endpoints.decide(state, type, data, cause.occurredAt);
    if ('refusal' in decision) throw new Error(`${type}: ${decision.refusal.code}`);
    state = append(endpoints, 'ep-1', state, decision.events, cause).state;
  }
  if (state === undefined) throw new Error('Nothing was created.');
  return state;
}

test.each<[string, readonly (readonly [string, object])[], Partial<Endpoint>]>([
  ['is created enabled, for all events', [], { status: 'enabled', url, eventTypes: [], secretIds: ['one'] }],
  [
    'changes what is given',
    [['ChangeEndpoint', { eventTypes: ['OrderCreated'] }]],
    { url, eventTypes: ['OrderCreated'] },
  ],
  [
    'keeps the secret before the newest',
    [
      ['RotateSecret', { secretId: 'two' }],
      ['RotateSecret', { secretId: 'three' }],
    ],
    { secretIds: ['three', 'two'] },
  ],
  ['is disabled', [['DisableEndpoint', { reason: 'it answers 410' }]], { status: 'disabled' }],
  [
    'is enabled again',
    [
      ['DisableEndpoint', { reason: 'x' }],
      ['EnableEndpoint', {}],
    ],
    { status: 'enabled' },
  ],
  ['is deleted', [['DeleteEndpoint', {}]], { status: 'deleted' }],
])('an endpoint %s', (_name, commands, state) => {
  expect(after(...commands)).toMatchObject({ ...state, version: commands.length + 1 });
});

test.each<[string, readonly (readonly [string, object])[], string, object, string]>([
  ['http', [], 'ChangeEndpoint', { url: 'http://shop.example' }, 'invalid_url'],
  ['a null as URL', [], 'ChangeEndpoint', { url: null, allowHttp: true }, 'invalid_url'],
  ['a list as URL', [], 'ChangeEndpoint', { url: [url] }, 'invalid_url'],
  ['no secret', [], 'RotateSecret', {}, 'malformed'],
  ['an undefined secret', [], 'RotateSecret', { secretId: undefined }, 'malformed'],
  ['a number as event types', [], 'ChangeEndpoint', { eventTypes: 5 }, 'malformed'],
  ['a text as customers', [], 'ChangeEndpoint', { customers: 'c-1' }, 'malformed'],
  ['a list of numbers as tags', [], 'ChangeEndpoint', { tags: [5] }, 'malformed'],
  ['an unknown payload', [], 'ChangeEndpoint', { payload: 'thick' }, 'malformed'],
  ['a null as description', [], 'ChangeEndpoint', { description: null }, 'malformed'],
  ['a rate of zero', [], 'ChangeEndpoint', { perSecond: 0 }, 'malformed'],
  ['a number as secret', [], 'RotateSecret', { secretId: 5 }, 'malformed'],
  ['no reason', [], 'DisableEndpoint', {}, 'malformed'],
  ['enabled already', [], 'EnableEndpoint', {}, 'not_allowed'],
  [
    'disabled already',
    [['DisableEndpoint', { reason: 'x' }]],
    'DisableEndpoint',
    { reason: 'y' },
    'not_allowed',
  ],
  ['deleted', [['DeleteEndpoint', {}]], 'ChangeEndpoint', { url }, 'not_allowed'],
])('%s is refused', (_name, commands, type, data, code) => {
  const endpoint = after(...commands);
  expect(endpoints.decide(endpoint, type, data, cause.occurredAt)).toMatchObject({ refusal: { code } });
  expect(endpoints.allowed(endpoint).allowedCommands.includes(type)).toBe(code !== 'not_allowed');
});

test.each([5, null, {}, { generation: 1, position: '0' }])('%j is no place to begin after', (place) => {
  const data = { url, secretId: 'one', after: place };
  expect(endpoints.decide(undefined, 'CreateEndpoint', data, cause.occurredAt)).toMatchObject({
    refusal: { code: 'malformed' },
  });
});

test('a setting that is undefined stays as it is', () => {
  expect(after(['ChangeEndpoint', { payload: undefined }])).toMatchObject({ payload: 'event' });
});

test('an event has nothing that its command may not have', () => {
  const ofOthers = { secretId: 'two', reason: 'x', after: { generation: 1, position: 0 } };
  const data = { tags: ['gift'], status: 'deleted', version: 7, allowHttp: true, ...ofOthers };
  expect(endpoints.decide(after(), 'ChangeEndpoint', data, cause.occurredAt)).toEqual({
    events: [{ type: 'EndpointChanged', data: { tags: ['gift'] } }],
  });
});

test.each(['ForgetEndpoint', 'toString'])('%s is not a command', (type) => {
  expect(() => endpoints.decide(after(), type, {}, cause.occurredAt)).toThrow(TypeError);
});

test('refused signals are noted in the log, fifty at most', () => {
  const refusal = { code: 'not_allowed', message: 'it is enabled already' };
  const endpoint = after();
  const [draft] = endpoints.rejection(endpoint, 'EnableEndpoint', refusal);
  if (draft === undefined) throw new Error('Nothing is noted.');
  expect(append(endpoints, 'ep-1', endpoint, [draft], cause).state).toMatchObject({ rejections: 1 });
  expect(endpoints.rejection({ ...endpoint, rejections: 50 }, 'EnableEndpoint', refusal)).toEqual([]);
});

test('a log that does not start with its creation is refused', () => {
  const event = { ...envelope, type: 'EndpointDeleted', version: 1 } as const;
  expect(() => endpoints.evolve(undefined, event)).toThrow(TypeError);
});

test('an event of a newer version of the code is refused, so that a worker of that version takes it', () => {
  const event = { ...envelope, type: 'EndpointArchived', version: 2 };
  expect(() => endpoints.evolve(after(), event as never)).toThrow(NewerEvent);
});

test('each run of an endpoint’s workflow starts with its status as a search attribute', () => {
  const disabled = after(['DisableEndpoint', { reason: 'it answers 410' }]);
  const { typedSearchAttributes } = endpointLog.startOptions(disabled, { ...cause, hash: '0' });
  expect(typedSearchAttributes).toEqual([
    { key: { name: 'OrderStatus', type: 'KEYWORD' }, value: 'disabled' },
  ]);
});
