import type { TSchema } from 'typebox';
import type { BodyParts } from '../../api/commands/body-parts.js';
import { exitCodes, Failure } from './failure.js';

/*
 * Checks what was typed against the schemas of the HTTP API. The schemas are loaded when a command
 * needs them: queries and help do not, and start in half the time without them.
 */

/**
 * Checks a body.
 *
 * @param schemaOf makes its schema, as in the table of commands
 * @throws Failure with the same message as the HTTP API's refusal
 */
export async function checkBody(schemaOf: (is: BodyParts) => TSchema, body: unknown): Promise<void> {
  const { bodyParts } = await import('../../api/commands/body-parts.js');
  await checkAs(schemaOf(bodyParts), body);
}

/** Checks ids, which are given by name. @throws Failure that names each id that is not allowed */
export async function checkIds(ids: Readonly<Record<string, unknown>>): Promise<void> {
  const { closed, Id } = await import('../../api/schemas/values.js');
  await checkAs(closed(each(ids, Id)), ids);
}

/**
 * Checks idempotency keys and actors, which are given by name and are sent as headers.
 *
 * @throws Failure that names each one that is not allowed
 */
export async function checkKeys(keys: Readonly<Record<string, unknown>>): Promise<void> {
  const { closed, Key } = await import('../../api/schemas/values.js');
  await checkAs(closed(each(keys, Key)), keys);
}

function each(values: Readonly<Record<string, unknown>>, schema: TSchema): Record<string, TSchema> {
  return Object.fromEntries(Object.keys(values).map((name) => [name, schema]));
}

async function checkAs(schema: TSchema, value: unknown): Promise<void> {
  const [{ checkAgainst }, { HttpProblem }] = await Promise.all([
    import('../../api/requests/validation.js'),
    import('../../api/problem.js'),
  ]);
  try {
    checkAgainst(schema, 'body', value);
  } catch (error) {
    if (!(error instanceof HttpProblem)) throw error;
    const { errors = [] } = error.members;
    const message = errors.map(({ pointer, detail }) => `${pointer || 'the body'} ${detail}`).join('; ');
    throw new Failure(exitCodes.usage, { code: error.code, message: message || error.message });
  }
}
