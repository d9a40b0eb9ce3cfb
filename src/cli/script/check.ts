import type { TSchema } from 'typebox';
import { exitCodes, Failure } from './failure.js';

/* Checks what was typed against the schemas of the HTTP API. */

/**
 * Checks texts that are ids or keys.
 *
 * @throws Failure if one of them has a character that is not allowed
 */
export async function checkEach(
  kind: 'Id' | 'Key',
  values: Readonly<Record<string, unknown>>,
): Promise<void> {
  const names = Object.keys(values);
  await check(
    ({ closed, [kind]: one }) => closed(Object.fromEntries(names.map((name) => [name, one]))),
    values,
  );
}

/** @throws Failure with the words in which the HTTP API would refuse the value */
export async function check(schemaOf: (from: Schemas) => TSchema, value: unknown): Promise<void> {
  const from = await schemas();
  const { validatorCompiler, HttpProblem } = from;
  try {
    validatorCompiler({ schema: schemaOf(from), method: 'POST', url: '', httpPart: 'body' })(value);
  } catch (error) {
    if (!(error instanceof HttpProblem)) throw error;
    const { errors = [] } = error.members;
    const message = errors.map(({ pointer, detail }) => `${pointer || 'the body'} ${detail}`).join('; ');
    throw new Failure(exitCodes.usage, { code: error.code, message: message || error.message });
  }
}

type Schemas = Awaited<ReturnType<typeof schemas>>;

/**
 * Loads the schemas when a command needs them. Queries and help do not need them, and start in half
 * the time without them.
 */
async function schemas() {
  const [parts, problems, values, validation] = await Promise.all([
    import('../../api/commands/body-parts.js'),
    import('../../api/problem.js'),
    import('../../api/schemas/values.js'),
    import('../../api/requests/validation.js'),
  ]);
  return { ...parts, ...problems, ...values, ...validation };
}
