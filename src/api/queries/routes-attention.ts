import { Type } from 'typebox';
import { listAttention } from '../../attention/list.js';
import type { AttentionCursor } from '../../attention/cursor.js';
import type { AttentionDeps } from '../../attention/source.js';
import { attentionCodes } from '../../attention/rows.js';
import { durationMs } from '../../server/config/variables.js';
import { problemResponses } from '../problem.js';
import { AttentionRow } from '../schemas/attention.js';
import { MAX_SHORT_PAGE } from '../schemas/page-limits.js';
import { CursorParameter, limitParameter, pageSchema } from '../schemas/paging.js';
import { closed, Duration } from '../schemas/values.js';
import type { Http } from '../http.js';
import { withTimeout } from '../../outages/timeout.js';
import type { Cursors } from './cursor.js';

const READ_WITHIN_MS = 6_000;

/** Serves the list of what needs an operator. */
export function registerAttention(
  app: Http,
  { cursors, ...deps }: AttentionDeps & { readonly cursors: Cursors },
): void {
  app.get(
    '/v1/attention',
    {
      config: { access: 'orders:read', work: 'list' },
      schema: {
        summary: 'What needs an operator: since when, and what to do',
        description:
          'Sorted by code, the most serious first, and within a code the oldest first. What is owed, pending, undecided, failing or waiting is listed after ATTENTION_AFTER; everything else immediately. Pass `nextCursor` on as `cursor`, with the same filters.',
        tags: ['operations'],
        querystring: closed({
          code: Type.Optional(Type.Enum([...attentionCodes])),
          olderThan: Type.Optional(Duration),
          limit: limitParameter(MAX_SHORT_PAGE, 50),
          cursor: CursorParameter,
        }),
        response: { 200: pageSchema(AttentionRow), ...problemResponses(400, 503) },
      },
    },
    async (request, reply) => {
      const { code, olderThan = '0s', limit = 50, cursor } = request.query;
      const list = ['attention', code ?? '', olderThan];
      const { rows, next } = await withTimeout(
        READ_WITHIN_MS,
        listAttention(deps, {
          limit,
          olderThanMs: durationMs(olderThan),
          ...(code === undefined ? {} : { code }),
          ...(cursor === undefined ? {} : { after: sortKeyOf(cursors.read(list, cursor)) }),
        }),
      );
      const nextCursor = next && cursors.write(list, [next.code, next.since, next.id]);
      return await reply.send({ data: [...rows], ...(nextCursor === undefined ? {} : { nextCursor }) });
    },
  );
}

/** Nothing is checked: the cursor's signature proves that the route above wrote these values. */
function sortKeyOf([given, since = '', id = '']: readonly (string | number)[]): AttentionCursor {
  const code = attentionCodes.find((one) => one === given) ?? attentionCodes[0];
  return { code, since: String(since), id: String(id) };
}
