import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { Secrets } from '../../server/config/secrets.js';
import type { SortKey } from '../../views/query.js';
import { HttpProblem } from '../problem.js';

export interface Cursors {
  /** A cursor that continues after `sortKey`, in this list only. */
  write(list: unknown, sortKey: SortKey): string;
  /** @throws HttpProblem 400 if the cursor was made for another list, or not by this API */
  read(list: unknown, cursor: string): SortKey;
}

/**
 * Cursors that a client can keep, but cannot make itself or use for another list. They are signed
 * with the first of `secrets`, verified with each, and bound to `list`, which is the list's name,
 * filters and sort.
 */
export function createCursors(secrets: Secrets): Cursors {
  const sign = (text: string, secret = secrets[0]) => createHmac('sha256', secret).update(text).digest();
  const digest = (list: unknown) =>
    createHash('sha256').update(JSON.stringify(list)).digest('base64url').slice(0, 16);
  return {
    write(list, sortKey) {
      const content = Buffer.from(JSON.stringify([digest(list), ...sortKey])).toString('base64url');
      return `${content}.${sign(content).toString('base64url')}`;
    },
    read(list, cursor) {
      const [content = '', signature = ''] = cursor.split('.');
      const given = Buffer.from(signature, 'base64url');
      const isOurs = secrets.some((secret) => {
        const expected = sign(content, secret);
        return given.length === expected.length && timingSafeEqual(given, expected);
      });
      if (!isOurs) throw badCursor('was not given by this API: use nextCursor as it is');
      // The signature proves that `write` made the content.
      const [digestOfList, ...sortKey] = JSON.parse(Buffer.from(content, 'base64url').toString()) as [
        string,
        ...SortKey,
      ];
      if (digestOfList !== digest(list))
        throw badCursor('belongs to other filters or another sort: start again without it');
      return sortKey;
    },
  };
}

function badCursor(detail: string): HttpProblem {
  const errors = [{ pointer: '/cursor', in: 'query' as const, detail }];
  return new HttpProblem(400, 'invalid_cursor', `The cursor ${detail}.`, { errors });
}
