import type { Client } from '@temporalio/client';
import type { Db } from 'mongodb';
import { Type } from 'typebox';
import { existingView, NamePath, projectionRefusals, tags } from './projection-parameters.js';
import { Projections } from '../schemas/answers.js';
import { HttpProblem, problem } from '../problem.js';
import { closed } from '../schemas/values.js';
import type { Http } from '../http.js';
import { requestAnotherRebuild } from '../../log/views/rebuilding/request-rebuild.js';
import { rollBack } from '../../log/views/feeding/view-builds.js';
import { type ViewsStatus, viewsStatus } from '../../log/views/status.js';
import { storesOf } from '../../log/views/rebuilding/store-rebuild.js';
import { logs } from '../../logs.js';
import { orderLog } from '../../order-log.js';
import { views } from '../../views/views.js';

export interface ProjectionDeps {
  readonly db: Db;
  readonly client: Client;
  /** the task queue of the orders */
  readonly taskQueue: string;
}

const Count = Type.Integer();

const Requested = closed({ name: Type.String(), rebuildId: Type.String() });
const location = '/v1/projections';

/** Views and stores derived from events: their state, rebuilds and roll-backs. */
export function registerProjections(app: Http, deps: ProjectionDeps): void {
  statusRoute(app, deps);
  rebuildRoute(app, deps);
  rollBackRoute(app, deps);
}

function statusRoute(app: Http, { db }: ProjectionDeps): void {
  app.get(
    '/v1/projections',
    {
      config: { access: 'ops' },
      schema: {
        summary: 'Position and lag of the feed, and of every view and store derived from events',
        tags,
        response: { 200: Projections, 503: problem(503) },
      },
    },
    async (_request, reply) => await reply.send(toAnswer(await viewsStatus(orderLog, db, views, storeNames))),
  );
}

function rebuildRoute(app: Http, { db, client, taskQueue }: ProjectionDeps): void {
  const requesting = { db, client, taskQueue };
  app.post(
    '/v1/projections/:name/rebuild',
    {
      config: { access: 'ops' },
      schema: {
        summary: 'Rebuild a view beside the one that is read, or the journal from the workflow histories',
        description: `A view across orders, or one of ${storeNames.join(', ')}. The rebuild continues if processes are restarted.`,
        tags,
        params: NamePath,
        body: closed({}),
        response: { 202: Requested, ...projectionRefusals },
      },
    },
    async (request, reply) => {
      const name = rebuildable(request.params.name);
      const rebuildId = await requestAnotherRebuild(requesting, name);
      if (rebuildId === undefined) throw underWay(name);
      return await reply.code(202).header('location', location).send({ name, rebuildId });
    },
  );
}

function rollBackRoute(app: Http, { db }: ProjectionDeps): void {
  app.post(
    '/v1/projections/:name/rollback',
    {
      config: { access: 'ops' },
      schema: {
        summary: 'Roll a view back to the build before the last rebuild',
        description:
          'At once. The build then catches up from its position. A second roll-back undoes the first. Earlier builds of `orders` and of the journal are not kept.',
        tags,
        params: NamePath,
        body: closed({}),
        response: {
          200: closed({ name: Type.String(), version: Count, position: Count }),
          ...projectionRefusals,
        },
      },
    },
    async (request, reply) => {
      const name = rebuildable(request.params.name);
      const state = await rollBack(db, name);
      if (state === undefined) throw noPreviousBuild(name);
      return await reply.send({ name, version: state.version, position: state.position });
    },
  );
}

/** What is rebuilt, but is no view across orders. */
const storeNames = logs.flatMap(storesOf);

/** @throws HttpProblem 404 if this is neither a view nor a store */
function rebuildable(name: string): string {
  return storeNames.find((store) => store === name) ?? existingView(name).name;
}

function underWay(name: string): HttpProblem {
  const detail = `${name} is being rebuilt already: GET ${location} shows how far it is.`;
  return new HttpProblem(409, 'rebuild_under_way', detail);
}

function noPreviousBuild(name: string): HttpProblem {
  const remedy =
    name === 'orders' ? ' Deploy the older code, then rebuild it: POST /v1/projections/orders/rebuild.' : '';
  return new HttpProblem(409, 'no_previous_build', `No build of ${name} is kept to roll back to.${remedy}`);
}

function toAnswer({ feed, views: all, stores }: ViewsStatus): Projections {
  const named = stores.map(({ exceptions, ...store }) =>
    exceptions === undefined
      ? store
      : { ...store, exceptions: { ...exceptions, orderIds: [...exceptions.orderIds] } },
  );
  return { feed, views: [...all], stores: named };
}
