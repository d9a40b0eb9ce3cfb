import type { Db } from 'mongodb';
import { Type } from 'typebox';
import { intervene, type NotIntervened } from '../../log/views/feeding/interventions.js';
import type { AnyView } from '../../log/views/view.js';
import { unreachable } from '../../order/unreachable.js';
import { orderLog } from '../../order-log.js';
import type { Http } from '../http.js';
import { HttpProblem, problemResponses } from '../problem.js';
import { existingView, NamePath } from '../schemas/projection-path.js';
import { Actors, closed, Id, Text, Version } from '../schemas/values.js';

const Intervened = closed({
  applied: Type.Integer({ description: 'how many events of the order were applied' }),
  remaining: Type.Integer({ description: 'events of the order that are still parked' }),
  parked: Type.Optional(closed({ version: Type.Integer(), error: Type.String() })),
});

/** Retries or skips events that a view could not apply, for an operator. */
export function registerParkedCommands(app: Http, db: Db): void {
  interveneRoute(app, db, 'retry');
  interveneRoute(app, db, 'skip');
}

function interveneRoute(app: Http, db: Db, action: 'retry' | 'skip'): void {
  app.post(
    `/v1/projections/:name/parked/:orderId/${action}`,
    {
      config: { access: 'ops' },
      schema: {
        summary: summaries[action],
        description:
          'Takes the first parked event of the order, which must be of `version` if that is given. Then the events that wait for it are applied, up to the next one that fails. The audit log records it.',
        tags: ['operations'],
        params: closed({ ...NamePath.properties, orderId: Id }),
        headers: Actors,
        body: closed({ reason: Text, version: Type.Optional(Version) }),
        response: { 200: Intervened, ...problemResponses(400, 404, 409, 503) },
      },
    },
    async (request, reply) => {
      const { name, orderId } = request.params;
      const view = existingView(name);
      const { reason, version } = request.body;
      const { actor, onBehalfOf } = request.principal;
      const done = await intervene(orderLog, db, view, {
        action,
        orderId,
        actor,
        ...(onBehalfOf === undefined ? {} : { onBehalfOf }),
        reason,
        ...(version === undefined ? {} : { version }),
      });
      if (done.kind !== 'done') throw refused(view, orderId, done);
      const { kind: _, ...answer } = done;
      return await reply.send(answer);
    },
  );
}

const summaries = {
  retry: 'Retry the event of an order that a view could not apply',
  skip: 'Skip the event of an order that a view could not apply',
};

function refused({ name, version }: AnyView, orderId: string, reason: NotIntervened): HttpProblem {
  switch (reason.kind) {
    case 'nothing_parked':
      return new HttpProblem(404, 'nothing_parked', `${name} has no parked event of order ${orderId}.`);
    case 'other_version': {
      const detail = `The first parked event of order ${orderId} in ${name} is version ${reason.version}.`;
      return new HttpProblem(409, 'other_version_parked', detail, { version: reason.version });
    }
    case 'other_view_version': {
      const detail = `${name} was built by version ${reason.version} of its fold, this process has version ${version}: rebuild it first.`;
      return new HttpProblem(409, 'other_view_version', detail);
    }
    default:
      return unreachable(reason);
  }
}
