import assert from 'node:assert/strict';
import { Compile, type Validator } from 'typebox/schema';
import type { StoredEvent } from '../../src/order/events.js';
import { readLock } from './lock.js';

const locked = await readLock();
const validators = new Map<string, Validator>();

/**
 * Fails unless an event has exactly the fields, with the types, that are locked for its version.
 */
export function assertShape(event: StoredEvent): void {
  const { type, data, ...envelope } = event;
  const name = `${type}@${event.schemaVersion}`;
  assertValid(name, data);
  assertValid('Envelope', envelope);
}

function assertValid(name: string, value: unknown): void {
  const schema = locked[name];
  assert.ok(schema !== undefined, `${name} is not locked: npm run events:lock`);
  const validator = validators.get(name) ?? Compile(schema);
  validators.set(name, validator);
  if (validator.Check(value)) return;
  const [, errors] = validator.Errors(value);
  assert.fail(`no ${name}: ${errors.map((error) => `${error.instancePath} ${error.message}`).join('; ')}`);
}
