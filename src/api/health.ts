import { Type, type Static } from 'typebox';
import type { Http } from './server.js';
import { closed } from './schemas.js';
import { messageOf } from '../outages/message-of.js';
import { isMongoOutage } from '../outages/mongo-outage.js';
import { isTemporalOutage } from '../outages/temporal-outage.js';
import { within } from '../outages/timeout.js';

/** Something this process works with. */
export interface Dependency {
  readonly name: string;
  /** what does not work without it */
  readonly cost: string;
  /** the server that has to tell: in an outage of that one, nothing is known of this one */
  readonly knownBy?: string;
  /** Fails where it is down; an answer says why it is not quite up. */
  readonly check: () => Promise<string | undefined>;
}

/** A role of this process, and the dependencies of which it needs at least one to be of any use. */
export interface ServedRole {
  readonly name: string;
  readonly needsAnyOf: readonly string[];
}

const CHECK_WITHIN_MS = 1_500;

const Ready = closed({
  status: Type.Enum(['ready', 'degraded', 'unavailable']),
  roles: Type.Record(Type.String(), Type.Enum(['ready', 'unavailable'])),
  dependencies: Type.Array(
    closed({
      name: Type.String(),
      status: Type.Enum(['up', 'degraded', 'down', 'unknown'], {
        description: 'unknown: what would have to tell is away',
      }),
      detail: Type.Optional(Type.String()),
      cost: Type.Optional(Type.String({ description: 'what does not work meanwhile' })),
    }),
  ),
});

type State = Static<typeof Ready>['dependencies'][number];

/**
 * `/health/live`: the process runs. `/health/ready`: what its own roles can do now; 503 where one of them can do nothing. What
 * others run, such as workers, is reported and fails nothing.
 */
export function registerHealth(
  app: Http,
  roles: readonly ServedRole[],
  dependencies: readonly Dependency[],
): void {
  const live = { summary: 'Whether the process runs', tags: ['operations'] };
  app.get(
    '/health/live',
    {
      config: { work: 'none' },
      schema: { ...live, response: { 200: closed({ status: Type.Literal('live') }) } },
    },
    () => ({
      status: 'live' as const,
    }),
  );

  const ready = { summary: 'What this process can do now, and what is missing', tags: ['operations'] };
  app.get(
    '/health/ready',
    { config: { work: 'none' }, schema: { ...ready, response: { 200: Ready, 503: Ready } } },
    async (_request, reply) => {
      const states = await Promise.all(dependencies.map(examine));
      const isDown = (name: string) => states.some((state) => state.name === name && state.status === 'down');
      const isLost = ({ needsAnyOf }: ServedRole) => needsAnyOf.every(isDown);
      const isAnyLost = roles.some(isLost);
      const isAllUp = states.every((state) => state.status === 'up');
      return await reply.code(isAnyLost ? 503 : 200).send({
        status: isAnyLost ? 'unavailable' : isAllUp ? 'ready' : 'degraded',
        roles: Object.fromEntries(roles.map((role) => [role.name, isLost(role) ? 'unavailable' : 'ready'])),
        dependencies: states,
      });
    },
  );
}

async function examine({ name, cost, knownBy, check }: Dependency): Promise<State> {
  try {
    const detail = await within(CHECK_WITHIN_MS, check());
    return detail === undefined ? { name, status: 'up' } : { name, status: 'degraded', detail, cost };
  } catch (error) {
    const isUnknown = knownBy !== undefined && (isMongoOutage(error) || isTemporalOutage(error));
    // What it would cost is no news while nobody knows.
    if (isUnknown)
      return { name, status: 'unknown', detail: `${knownBy} does not tell: ${messageOf(error)}` };
    return { name, status: 'down', detail: messageOf(error), cost };
  }
}
