import type { FastifyRequest } from 'fastify';
import { HttpProblem } from '../problem.js';

/**
 * A query parameter's time in the format of stored times, so that comparing strings compares times.
 *
 * @throws HttpProblem 400 if there is no such time, such as on the 31st of April, or its year in
 *   UTC does not have four digits
 */
export function toInstant(name: string, text: string): string {
  const time = new Date(text);
  if (Number.isNaN(time.getTime()) || !isDay(text.slice(0, 10)))
    throw badQuery(name, `${text} is not a time`);
  const instant = time.toISOString();
  // Other years have a sign and six digits.
  if (!/^\d{4}-/.test(instant)) throw badQuery(name, `${text} is, in UTC, not in the years 0000 to 9999`);
  return instant;
}

/** Whether the day exists: `Date` takes the 31st of April for the 1st of May. */
function isDay(date: string): boolean {
  return new Date(`${date}T00:00:00Z`).toISOString().startsWith(date);
}

/** A 400 that points at one query parameter. */
export function badQuery(name: string, detail: string): HttpProblem {
  const errors = [{ pointer: `/${name}`, in: 'query' as const, detail }];
  return new HttpProblem(400, 'invalid_request', `query ${name}: ${detail}.`, { errors });
}

/**
 * Whether a request has a query parameter, before the schema has checked it.
 *
 * @param value if given, the parameter must have this value
 */
export function hasParameter({ query }: FastifyRequest, name: string, value?: string): boolean {
  const [, given] = Object.entries(query ?? {}).find(([one]) => one === name) ?? [];
  return value === undefined ? given !== undefined : given === value;
}
