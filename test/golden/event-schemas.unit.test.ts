import { expect, test } from '@jest/globals';
import { eventSchemas as shown } from '../../src/api/reference/event-schemas.js';
import { schemaVersions } from '../../src/order/events.js';
import { catalogueOf } from './catalogue.js';
import { eventSchemas, eventSources } from './event-schemas.js';
import { additions, readLock, violations } from './lock.js';

const sources = await eventSources();
const locked = await readLock();

test('no stored event changes its shape without a new version', async () => {
  expect(violations(locked, await eventSchemas(sources, schemaVersions))).toEqual([]);
});

test('every written version is locked: `npm run events:lock` adds a new one', async () => {
  expect(additions(locked, await eventSchemas(sources, schemaVersions))).toEqual([]);
});

test('the reference shows the data of each event: `npm run events:lock` writes it', async () => {
  expect(shown).toEqual(catalogueOf(await eventSchemas(sources, schemaVersions)));
});

/** The schemas of the declarations with `from` replaced by `to`. */
async function altered(from: string | RegExp, to: string, versions = schemaVersions) {
  const source = sources.map((text) => text.replace(from, to));
  expect(source).not.toEqual(sources);
  const today = await eventSchemas(source, versions);
  return { violations: violations(locked, today), additions: additions(locked, today) };
}

test.each([
  [
    'a field more',
    'NoteAdded: { readonly text: string',
    'NoteAdded: { readonly text: string; readonly by: string',
    ['NoteAdded@1 .* by: absent → string'],
  ],
  [
    'a field less',
    'readonly carrier: string;\n    readonly trackingNumber: string;\n    readonly amount',
    'readonly carrier: string;\n    readonly amount',
    ['ShipmentDispatched@1 .* trackingNumber: string → absent'],
  ],
  [
    'another name',
    'ReturnReceived: { readonly returnId',
    'ReturnReceived: { readonly id',
    ['ReturnReceived@1 .* returnId: string → absent; id: absent → string'],
  ],
  [
    'another type',
    'PaymentTimedOut: { readonly authorizationId: string',
    'PaymentTimedOut: { readonly authorizationId: number',
    ['PaymentTimedOut@1 .* authorizationId: string → number'],
  ],
  [
    'one where there were many',
    'StockRefused: { readonly missing: readonly MissingStock[]',
    'StockRefused: { readonly missing: MissingStock',
    ['StockRefused@1 .* missing: array → object'],
  ],
  [
    'required where it was optional',
    'PaymentDeclined: { readonly authorizationId?:',
    'PaymentDeclined: { readonly authorizationId:',
    ['PaymentDeclined@1 .* authorizationId: string, optional → string'],
  ],
  [
    'optional where it was required',
    'CaptureWrittenOff: { readonly amount: number; readonly reason:',
    'CaptureWrittenOff: { readonly amount: number; readonly reason?:',
    ['CaptureWrittenOff@1 .* reason: string → string, optional'],
  ],
  [
    'another value that it may have',
    "'command' | 'capture_declined'",
    "'command' | 'capture_declined' | 'fraud'",
    [
      'OrderHeld@1 .* cause: "capture_declined" \\| "command" → "capture_declined" \\| "command" \\| "fraud"',
      'OrderReleased@1',
    ],
  ],
  [
    'something in a type that events share',
    'readonly postalCode?: string',
    'readonly zip?: string',
    ['OrderCreated@3 .* shippingAddress.postalCode: string, optional → absent', 'AmendmentRequested@1'],
  ],
  [
    'something in a type that a shared type extends',
    'export interface LineQuantity {',
    'export interface LineQuantity { readonly unit: string;',
    ['OrderCreated@3 .* lines\\[\\].unit: absent → string', 'StockReserved@1', 'ShipmentCreated@1'],
  ],
  [
    'data where there was none',
    'OrderConfirmed: Empty',
    'OrderConfirmed: { readonly at: string }',
    ['OrderConfirmed@1 .* at'],
  ],
  ['an event that is gone', '  OrderClosed: Empty;\n', '', ['OrderClosed@1 was written']],
  [
    'the envelope',
    'readonly actor: string',
    'readonly actor?: string',
    ['Envelope .* actor: string → string, optional'],
  ],
])('%s is noticed, with a remedy', async (_, from, to, expected) => {
  const { violations: found } = await altered(from, to);
  for (const text of expected) expect(found.join('\n')).toMatch(new RegExp(text));
  expect(found.join('\n')).toMatch(/npm run events:lock|must stay|no version/);
});

test.each([
  ['a comment', 'NoteAdded: {', '/** said by anybody */\n  NoteAdded: {'],
  [
    'layout and order',
    /readonly carrier: string;\s+readonly trackingNumber: string;/g,
    'readonly trackingNumber: string; readonly carrier: string;',
  ],
  ['the name of a type', /MissingStock/g, 'Shortage'],
])('a shape does not depend on %s', async (_, from, to) => {
  expect(await altered(from, to)).toEqual({ violations: [], additions: [] });
});

test('a changed shape with a new version is not a violation, but needs a lock', async () => {
  const versions = { ...schemaVersions, NoteAdded: 2 };
  const source = 'NoteAdded: { readonly text: string; readonly by: string';
  expect(await altered('NoteAdded: { readonly text: string', source, versions)).toEqual({
    violations: [],
    additions: ['NoteAdded@2'],
  });
});

test('versions never decrease', async () => {
  const today = await eventSchemas(sources, { ...schemaVersions, OrderCreated: 1 });
  expect(violations(locked, today).join()).toContain('OrderCreated@3 was written');
});

test('a type of unknown shape is refused, not skipped', async () => {
  for (const type of [
    'Date',
    'unknown',
    'Partial<Address>',
    '[string]',
    'keyof Address',
    'Map<string, string>',
  ])
    await expect(altered('readonly text: string', `readonly text: ${type}`)).rejects.toThrow();
});
