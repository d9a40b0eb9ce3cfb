import { createRequire } from 'node:module';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Ajv } from 'ajv';
import { commands } from '../../../src/api/commands/table.js';
import type { Http } from '../../../src/api/http.js';
import { registerDocs } from '../../../src/api/reference/docs.js';
import { createHttp } from '../../../src/api/server.js';
import { cloudEventOf, cloudEventType } from '../../../src/delivery/cloud-events.js';
import { schemaVersions, type StoredEvent } from '../../../src/order/events.js';
import { createLogger } from '../../../src/server/logging/logger.js';
import { goldenEvents } from '../../golden/golden-events.js';

interface Document {
  readonly channels: Readonly<
    Record<string, { readonly messages: Readonly<Record<string, { $ref: string }>> }>
  >;
  readonly components: { readonly messages: Readonly<Record<string, object>> };
}

const schema = createRequire(import.meta.url)('@asyncapi/specs/schemas/3.0.0-without-$id.json') as object;
const ajv = new Ajv({ strict: false, validateFormats: false });

let app: Http;
let document: Document;
beforeAll(async () => {
  app = await createHttp(createLogger('silent'));
  await registerDocs(app);
  await app.ready();
  document = (await app.inject('/asyncapi.json')).json<Document>();
  ajv.addSchema(document, 'document');
});
afterAll(() => app.close());

/** The errors of an event that is checked as the payload of a message; empty if it is valid. */
function refusals(message: string, payload: object): unknown {
  expect(document).toHaveProperty(['components', 'messages', message]);
  const validate = ajv.getSchema(`document#/components/messages/${message}/payload`);
  return validate?.(payload) === true ? [] : (validate?.errors ?? 'no such payload');
}

const today = [...(await goldenEvents())]
  .map(([, event]) => event)
  .filter(({ type, schemaVersion }) =>
    Object.entries(schemaVersions).some(([t, v]) => t === type && v === schemaVersion),
  );

test('the AsyncAPI document is valid AsyncAPI 3', () => {
  const isValid = ajv.validate(schema, document);
  expect(ajv.errors).toBeNull();
  expect(isValid).toBe(true);
});

test('each channel has every event, by name', () => {
  const types = Object.keys(schemaVersions);
  const ofClouds = Object.entries(schemaVersions).map(([type, version]) => cloudEventType(type, version));
  const namesOf = (channel: string) => Object.keys(document.channels[channel]?.messages ?? {});
  expect(namesOf('feed')).toEqual([...types, ...ofClouds]);
  expect(namesOf('order')).toEqual(types);
  expect(namesOf('webhooks')).toEqual([...ofClouds, 'webhook.test.v1']);
  expect(namesOf('kafkaEvents')).toEqual(types.map((type) => `${type}.record`));
  expect(namesOf('kafkaCommands')).toEqual(Object.keys(commands));
  for (const { messages } of Object.values(document.channels))
    for (const [name, { $ref }] of Object.entries(messages)) {
      expect($ref).toBe(`#/components/messages/${name}`);
      expect(Object.keys(document.components.messages)).toContain(name);
    }
});

describe.each(today.map((event) => [event.type, event] as const))('%s', (type, event: StoredEvent) => {
  const positioned = { ...event, position: 7, recordedAt: event.occurredAt };

  test('has the shape that the document describes, in the feed and as a CloudEvent', () => {
    expect(refusals(type, positioned)).toEqual([]);
    expect(refusals(`${type}.record`, positioned)).toEqual([]);
    for (const payload of ['thin', 'event'] as const) {
      const message = cloudEventOf(positioned, 1, payload);
      expect(refusals(message.type, message)).toEqual([]);
    }
  });

  test('is refused with a member that the document lacks', () => {
    expect(refusals(type, { ...positioned, data: { ...event.data, other: 1 } })).not.toEqual([]);
  });
});

test('the reference links to the document', async () => {
  const { info } = (await app.inject('/openapi.json')).json<{ info: { description: string } }>();
  expect(info.description).toContain('(/asyncapi.json)');
});
