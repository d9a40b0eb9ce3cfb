import { Type } from 'typebox';
import type { Databases } from '../../databases.js';
import { logs } from '../../entity-logs.js';
import { rollBack } from '../../log/views/view-builds.js';
import { requestAnotherRebuild } from '../../log/rebuilding/request-rebuild.js';
import type { Http } from '../http.js';
import { HttpProblem, problemResponses } from '../problem.js';
import { existingView, NamePath, storeNames } from '../schemas/projection-path.js';
import { closed } from '../schemas/values.js';

const Count = Type.Integer();
const Requested = closed({ name: Type.String(), rebuildId: Type.String() });
const location = '/v1/projections';
const tags = ['operations'];
const refusals = problemResponses(400, 404, 409, 503);

/** Rebuilds views and stores, and rolls views back. */
export function registerProjectionCommands(app: Http, databases: Databases): void {
  rebuildRoute(app, databases);
  rollBackRoute(app, databases);
}

function rebuildRoute(app: Http, databases: Databases): void {
  app.post(
    '/v1/projections/:name/rebuild',
    {
      config: { access: 'ops' },
      schema: {
        summary: 'Rebuild a view beside the one that is read, or the journal from the workflow histories',
        description: `A feed view, or one of ${storeNames.join(', ')}. The rebuild continues if processes are restarted.`,
        tags,
        params: NamePath,
        body: closed({}),
        response: { 202: Requested, ...refusals },
      },
    },
    async (request, reply) => {
      const name = rebuildable(request.params.name);
      const rebuildId = await requestAnotherRebuild(databases, name);
      if (rebuildId === undefined) throw underWay(name);
      return await reply.code(202).header('location', location).send({ name, rebuildId });
    },
  );
}

function rollBackRoute(app: Http, { db }: Databases): void {
  app.post(
    '/v1/projections/:name/rollback',
    {
      config: { access: 'ops' },
      schema: {
        summary: 'Roll a view back to the build before the last rebuild',
        description: `At once. The build then catches up from its position. A second roll-back undoes the first. Earlier builds of ${storeNames.join(', ')} are not kept.`,
        tags,
        params: NamePath,
        body: closed({}),
        response: {
          200: closed({ name: Type.String(), version: Count, position: Count }),
          ...refusals,
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

/** @throws HttpProblem 404 if this is neither a view nor a store */
function rebuildable(name: string): string {
  return storeNames.find((store) => store === name) ?? existingView(name).name;
}

function underWay(name: string): HttpProblem {
  const detail = `${name} is being rebuilt already: GET ${location} shows its progress.`;
  return new HttpProblem(409, 'rebuild_under_way', detail);
}

function noPreviousBuild(name: string): HttpProblem {
  const isStateView = logs.some(({ view }) => view.collection === name);
  const remedy = isStateView
    ? ` Deploy the older code, then rebuild it: POST ${location}/${name}/rebuild.`
    : '';
  return new HttpProblem(409, 'no_previous_build', `No build of ${name} is kept to roll back to.${remedy}`);
}
