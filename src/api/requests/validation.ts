import type { FastifySchemaCompiler } from 'fastify';
import { Type, type TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import type { TLocalizedValidationError } from 'typebox/error';
import { Settings } from 'typebox/system';
import { HttpProblem, type RequestError } from '../problem.js';
import { meaningOf } from '../schemas/values.js';

/** Maximum number of errors that are looked for in a value. An error may name several members. */
Settings.Set({ maxErrors: 100 });

/**
 * Checks one part of a request against its schema. Nothing is coerced, removed or defaulted, except
 * that integers in a query string are parsed. Throws a 400 that lists every error.
 */
export const validatorCompiler: FastifySchemaCompiler<TSchema> = ({ schema, httpPart }) => {
  // The schema is compiled when it is first used, so that a start does not wait for hundreds of
  // schemas.
  let validator: ReturnType<typeof Compile<TSchema>> | undefined;
  const part = parts[httpPart ?? ''] ?? 'body';
  const numbers = httpPart === 'querystring' ? integerNames(schema) : [];
  return (given: unknown) => {
    const value = numbers.length === 0 ? given : withNumbers(given, numbers);
    validator ??= Compile(schema);
    if (validator.Check(value)) return { value };
    const errors = validator.Errors(value).flatMap((error) => toRequestErrors(error, part));
    throw new HttpProblem(400, 'invalid_request', summary(errors), { errors });
  };
};

const validators = new Map<TSchema, (given: unknown) => unknown>();

/**
 * Checks a value as if it were the body or the headers of an HTTP request.
 *
 * @returns the value
 * @throws HttpProblem 400 that lists every error
 */
export function checkAgainst(schema: TSchema, httpPart: 'headers' | 'body', given: unknown): unknown {
  const validate = validators.get(schema) ?? validatorCompiler({ schema, httpPart, method: '', url: '' });
  validators.set(schema, validate);
  validate(given);
  return given;
}

const parts: Readonly<Record<string, RequestError['in']>> = {
  querystring: 'query',
  params: 'path',
  headers: 'header',
};

/** The schema of a query without parameters. */
export const NoQuery = Type.Object({}, { additionalProperties: false });

function summary(errors: readonly RequestError[]): string {
  const [first, ...others] = errors;
  if (first === undefined) return 'The request is invalid.';
  const where = first.in === 'body' ? first.pointer || 'the body' : `${first.in} ${first.pointer.slice(1)}`;
  return `${where} ${first.detail}${others.length === 0 ? '.' : `; and ${others.length} more, see errors.`}`;
}

function toRequestErrors(error: TLocalizedValidationError, part: RequestError['in']): RequestError[] {
  const at = (pointer: string, detail: string): RequestError => ({ pointer, in: part, detail });
  switch (error.keyword) {
    case 'additionalProperties':
      return error.params.additionalProperties.map((name) =>
        at(`${error.instancePath}/${escape(name)}`, 'is not known here'),
      );
    case 'required':
      return error.params.requiredProperties.map((name) =>
        at(`${error.instancePath}/${escape(name)}`, 'is required'),
      );
    case 'enum':
      return [at(error.instancePath, `must be one of ${error.params.allowedValues.join(', ')}`)];
    case 'pattern':
      return [at(error.instancePath, meaningOf(String(error.params.pattern)) ?? error.message)];
    // This error only repeats the error of `additionalProperties`, for each name.
    case 'boolean':
      return [];
    default:
      return [at(error.instancePath, error.message)];
  }
}

/** Escapes a name for a JSON pointer (RFC 6901). */
function escape(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}

function integerNames(schema: TSchema): string[] {
  if (!Type.IsObject(schema)) return [];
  return Object.entries(schema.properties)
    .filter(([, property]) => 'type' in property && property.type === 'integer')
    .map(([name]) => name);
}

function withNumbers(given: unknown, names: readonly string[]): unknown {
  if (typeof given !== 'object' || given === null) return given;
  return Object.fromEntries(
    Object.entries(given).map(([name, text]: [string, unknown]) => [
      name,
      names.includes(name) && typeof text === 'string' && /^-?\d{1,16}$/.test(text) ? Number(text) : text,
    ]),
  );
}
