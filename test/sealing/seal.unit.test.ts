import { randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { changedAt, fieldOf, personalPathsIn } from '../../src/sealing/fields.js';
import { newMasterKey, readMasterKeys, unwrap, wrap } from '../../src/sealing/key-store/master-keys.js';
import { openCached } from '../../src/sealing/opened-texts.js';
import { isSealed, keyIdIn, open, seal } from '../../src/sealing/seal.js';
import { bodyParts } from '../../src/api/commands/body-parts.js';
import { hasPersonalData, sealed } from '../../src/api/commands/gateway/sealed-commands.js';
import { commands } from '../../src/api/commands/table.js';
import { type CommandType, followUpTypes } from '../../src/order/commands.js';

const key = { keyId: 'abcdefghijkl', key: randomBytes(32) };
const other = { keyId: 'mnopqrstuvwx', key: randomBytes(32) };
const place = { orderId: 'o-1', field: 'customer.name' };

describe('a sealed value', () => {
  test.each(['Ada Example', 'ä', '東京都 🗼', 'x'.repeat(2_000)])('opens in its place: %#', (text) => {
    const value = seal(key, place, text);
    expect(value).not.toContain(text);
    expect(isSealed(value)).toBe(true);
    expect(keyIdIn(value)).toBe(key.keyId);
    expect(open(key.key, place, value)).toBe(text);
  });

  test('is the same each time, so a repeated command is recognized', () => {
    expect(seal(key, place, 'Ada')).toBe(seal(key, place, 'Ada'));
  });

  test('differs by text, order, field and key, and so does its nonce', () => {
    const values = [
      seal(key, place, 'Ada'),
      seal(key, place, 'Bob'),
      seal(key, { ...place, orderId: 'o-2' }, 'Ada'),
      seal(key, { ...place, field: 'customer.email' }, 'Ada'),
      seal({ ...other, keyId: key.keyId }, place, 'Ada'),
    ];
    const nonces = values.map((value) => value.split(':')[3]?.slice(0, 16));
    expect(new Set(nonces).size).toBe(values.length);
  });

  test.each([
    ['another order', key.key, { ...place, orderId: 'o-2' }],
    ['another field', key.key, { ...place, field: 'text' }],
    ['another key', other.key, place],
  ])('does not open for %s', (_, opener, where) => {
    const value = seal(key, place, 'Ada');
    expect(() => open(opener, where, value)).toThrow();
  });

  test('that was opened once does not open for another order, field or key', () => {
    const again = seal(key, place, 'Ada');
    expect(openCached(key.key, place, again)).toBe('Ada');
    expect(openCached(key.key, place, again)).toBe('Ada');
    for (const [otherKey, otherPlace] of [
      [key.key, { ...place, orderId: 'o-2' }],
      [key.key, { ...place, field: 'customer.email' }],
      [other.key, place],
    ] as const) {
      expect(() => openCached(otherKey, otherPlace, again)).toThrow();
    }
  });

  test('does not open if any of its bytes is changed', () => {
    const [, , , bytes = ''] = seal(key, place, 'Ada').split(':');
    const raw = Buffer.from(bytes, 'base64url');
    raw.forEach((byte, index) => {
      const changed = Buffer.from(raw);
      changed.writeUInt8(byte ^ 1, index);
      expect(() => open(key.key, place, `sealed:1:${key.keyId}:${changed.toString('base64url')}`)).toThrow();
    });
  });

  test.each(['', 'Ada', 'sealed:', 'sealed:1:abc:def', 'sealed:2:abcdefghijkl:' + 'a'.repeat(60)])(
    'is not %j',
    (text) => {
      expect(isSealed(text)).toBe(false);
    },
  );
});

describe('the personal members of the commands', () => {
  const address = ['name', 'street', 'city', 'postalCode', 'region', 'country'];
  const addressed = address.map((member) => `shippingAddress.${member}`);
  const expected: Readonly<Partial<Record<CommandType, readonly string[]>>> = {
    CreateOrder: ['customer.name', 'customer.email', ...addressed, 'payment.method', 'text'],
    AmendOrder: addressed,
    CapturePayment: ['payment.method'],
    AddNote: ['text'],
  };

  test.each(['CreateOrder', ...followUpTypes] as const)('of %s are known', (type) => {
    const found = personalPathsIn(commands[type].body(bodyParts)).map(fieldOf);
    expect(found).toEqual(expected[type] ?? []);
  });

  test('are sealed, and all other members stay', () => {
    const data = {
      customer: { id: 'c-1', name: 'Ada' },
      lines: [{ sku: 'A', quantity: 1, unitPrice: 1, name: 'Mug' }],
      payment: { method: 'tok_ok' },
    };
    const plain = { orderId: 'o-1', type: 'CreateOrder', data } as const;
    expect(hasPersonalData(plain)).toBe(true);
    const after = sealed(plain, key);
    expect(after).toEqual({
      ...data,
      customer: { id: 'c-1', name: expect.stringMatching(/^sealed:/) },
      payment: { method: expect.stringMatching(/^sealed:/) },
    });
    expect(open(key.key, place, after.customer.name)).toBe('Ada');
    expect(hasPersonalData({ type: 'CancelOrder', data: { reason: 'x' } })).toBe(false);
  });

  test('may not be in a list', () => {
    const schema = { type: 'array', items: { properties: { name: { 'x-personal': true } } } };
    expect(() => personalPathsIn({ properties: { people: schema } })).toThrow(TypeError);
  });

  test('a path that does not exist changes nothing', () => {
    const value = { customer: { id: 'c-1' } };
    expect(changedAt(value, ['customer', 'name'], () => 'x')).toEqual(value);
    expect(changedAt(value, ['note'], () => 'x')).toEqual(value);
  });
});

describe('master keys', () => {
  const [old, fresh] = [newMasterKey(), newMasterKey()];
  const secret = randomBytes(32);

  test('the first one wraps, and each of them unwraps', () => {
    const before = readMasterKeys(`${old}\n`);
    const both = readMasterKeys(`# new\n${fresh}\n\n${old}\n`);
    if (before === undefined || both === undefined) throw new Error('they are keys');
    const wrapped = wrap(before, 'k', secret);
    expect(unwrap(both, 'k', wrapped)).toEqual(secret);
    expect(() => unwrap(before, 'k', wrap(both, 'k', secret))).toThrow('MASTER_KEY_FILE lacks');
    expect(() => unwrap(both, 'another', wrapped)).toThrow();
  });

  test.each(['', '# none', 'short', `${old}\nnot base64 at all, but long enough to be one`, old.slice(1)])(
    'are refused: %j',
    (file) => {
      expect(readMasterKeys(file)).toBeUndefined();
    },
  );
});
