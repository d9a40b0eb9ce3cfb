import { Type } from 'typebox';
import type { ResumeCommand, ResumeReport } from '../../log/resume/resume-report.js';
import { HttpProblem, problemResponses } from '../problem.js';
import { CreateHeaders } from '../schemas/command.js';
import { closed, OrderPath, Text } from '../schemas/values.js';
import type { Http } from '../http.js';
import { commandIdOf } from '../../log/workflow/command-id.js';
import { hashOf } from '../../log/gateway/derived-ids.js';
import { metaOf } from './request.js';

export interface ResumeRouteDeps {
  /** restarts the workflow of an order; needs Temporal and MongoDB */
  readonly resume: (orderId: string, asked: ResumeCommand) => Promise<ResumeReport>;
}

const Versions = Type.Array(Type.Integer());

const Resumed = closed({
  orderId: Type.String(),
  outcome: Type.Enum(['running', 'resumed', 'restarted', 'already_resumed', 'ended']),
  detail: Type.String({ description: 'for people: what was found, and what was done' }),
  version: Type.Optional(Type.Integer({ description: 'the version from which its workflow continues' })),
  recorded: Type.Unsafe<readonly number[]>(Versions),
  setAside: Type.Unsafe<readonly number[]>(Versions),
  messages: Type.Unsafe<readonly string[]>(
    Type.Array(Type.String(), { description: 'commands and facts that are decided again' }),
  ),
  refused: Type.Optional(
    Type.Unsafe<ResumeReport['refused']>(
      Type.Array(closed({ commandId: Type.String(), code: Type.String(), message: Type.String() }), {
        description: 'those of the messages that were refused; absent if no worker has decided yet',
      }),
    ),
  ),
});

/**
 * Restarts an order's workflow if the workflow ended before the order did, or was restored to an
 * earlier state.
 */
export function registerResume(app: Http, { resume }: ResumeRouteDeps): void {
  app.post(
    '/v1/orders/:orderId/resume',
    {
      config: { access: 'ops' },
      schema: {
        summary: 'Restart the workflow of an order from the journal',
        description: 'An order that needs no restart is left alone. Needs Temporal and MongoDB.',
        tags: ['operations'],
        headers: CreateHeaders,
        params: OrderPath,
        body: closed({ reason: Type.Optional(Text) }),
        response: { 200: Resumed, ...problemResponses(400, 404, 409, 413, 415, 503) },
      },
    },
    async (request, reply) => {
      const { orderId } = request.params;
      const { reason = 'resumed by hand' } = request.body;
      const { issuer, key, correlationId, actor, onBehalfOf } = metaOf(request);
      const commandId = commandIdOf(issuer, key);
      const hash = hashOf({ type: 'ResumeOrder', orderId, reason });
      const report = await resume(orderId, {
        commandId,
        hash,
        correlationId,
        actor,
        ...(onBehalfOf === undefined ? {} : { onBehalfOf }),
        reason,
      });
      return await reply.send(answerTo(report));
    },
  );
}

/** @throws HttpProblem if the order is unknown, or its log does not allow it to be resumed */
function answerTo({ outcome, remedy, ...report }: ResumeReport) {
  const { orderId, detail } = report;
  switch (outcome) {
    case 'unknown':
      throw new HttpProblem(404, 'order_not_found', `There is no order ${orderId}.`);
    case 'contradiction':
      throw new HttpProblem(409, 'order_forked', `${detail}: ${remedy}`);
    case 'incomplete':
      throw new HttpProblem(409, 'log_incomplete', `${detail}: ${remedy}`);
    default:
      return { ...report, outcome };
  }
}
