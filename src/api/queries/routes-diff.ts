import { Type } from 'typebox';
import { problemResponses } from '../problem.js';
import { closed, OrderPath, Version } from '../schemas/values.js';
import type { Http } from '../http.js';
import type { Past } from './past-orders.js';

const Changes = Type.Array(
  closed({
    path: Type.String({
      description: 'JSON pointer; entries of a list are named by their id, as in /lines/A-1/shipped',
    }),
    before: Type.Optional(Type.Unknown({ description: 'absent if the value was added' })),
    after: Type.Optional(Type.Unknown({ description: 'absent if the value was removed' })),
  }),
);

const Diff = closed({
  orderId: Type.String(),
  from: Type.Integer(),
  to: Type.Integer(),
  changes: Changes,
  steps: Type.Array(
    closed({
      version: Type.Integer(),
      type: Type.String(),
      occurredAt: Type.String(),
      actor: Type.String(),
      onBehalfOf: Type.Optional(Type.String()),
      commandId: Type.String(),
      correlationId: Type.String(),
      causationId: Type.String({ description: 'the message, effect or deadline that caused the event' }),
      reason: Type.Optional(Type.String()),
      changes: Changes,
    }),
  ),
});

/** Serves what changed in an order between two versions. */
export function registerDiff(app: Http, past: Past): void {
  app.get(
    '/v1/orders/:orderId/diff',
    {
      config: { access: 'events:read', work: 'list' },
      schema: {
        summary: 'What changed in an order between two versions, and why',
        description:
          'In total, and for each event. Fields that every event changes (version, updatedAt) and the commands that are ' +
          'allowed next (allowedCommands, blockedCommands) are left out.',
        tags: ['queries'],
        params: OrderPath,
        querystring: closed({
          from: Type.Optional({ ...Version, default: 1 }),
          to: Type.Optional({ ...Version, description: 'the latest by default' }),
        }),
        response: { 200: Diff, ...problemResponses(400, 404, 503) },
      },
    },
    async (request, reply) => {
      const { from = 1, to } = request.query;
      return await reply.send(await past.diff(request.params.orderId, from, to));
    },
  );
}
