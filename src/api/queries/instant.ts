import { HttpProblem } from '../problem.js';

/**
 * A time of a query parameter as times are stored, so that comparing texts compares times.
 *
 * @throws HttpProblem 400 where there is no such time, such as on the 31st of April, or its year in
 *   UTC has not four digits
 */
export function toInstant(name: string, text: string): string {
  const time = new Date(text);
  if (Number.isNaN(time.getTime()) || !isDay(text.slice(0, 10))) throw badQuery(name, `${text} is no time`);
  const instant = time.toISOString();
  // Other years have a sign, and more digits.
  if (!/^\d{4}-/.test(instant)) throw badQuery(name, `${text} is, in UTC, not in the years 0000 to 9999`);
  return instant;
}

/** `Date` takes the 31st of April for the 1st of May. */
function isDay(date: string): boolean {
  return new Date(`${date}T00:00:00Z`).toISOString().startsWith(date);
}

/** A 400 that points at one query parameter. */
export function badQuery(name: string, detail: string): HttpProblem {
  const errors = [{ pointer: `/${name}`, in: 'query' as const, detail }];
  return new HttpProblem(400, 'invalid_request', `query ${name}: ${detail}.`, { errors });
}
