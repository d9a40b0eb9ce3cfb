import { Type } from 'typebox';
import type { Http } from '../http.js';
import { type DependencyName, Readiness } from '../schemas/readiness.js';
import { closed } from '../schemas/values.js';
import { messageOf } from '../../outages/message-of.js';
import { isMongoOutage } from '../../outages/mongo-outage.js';
import { isTemporalOutage } from '../../outages/temporal-outage.js';
import { withTimeout } from '../../outages/timeout.js';

/** A server or component that this process depends on. */
export interface Dependency {
  readonly name: DependencyName;
  /** what does not work without it */
  readonly cost: string;
  /** name of the server that has to be asked: while it is unavailable, the status is unknown */
  readonly checkedThrough?: DependencyName;
  /** Resolves with undefined if it is up, or with what is wrong. Rejects if it is down. */
  readonly check: () => Promise<Concern | undefined>;
}

/** What is wrong with a dependency. */
export type Concern = Pick<State, 'status' | 'code' | 'detail'>;

/** A role of this process. It works if at least one of these dependencies is up. */
export interface ServedRole {
  readonly name: string;
  readonly needsAnyOf: readonly DependencyName[];
}

const CHECK_WITHIN_MS = 1_500;

type State = Readiness['dependencies'][number];

/**
 * Serves `/health/live`, which says that the process runs, and `/health/ready`, which says what its
 * roles can do now: 503 if one of them can do nothing. The state of other processes, such as
 * workers, is reported, but causes no 503.
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
      config: { access: 'open', work: 'none' },
      schema: { ...live, response: { 200: closed({ status: Type.Literal('live') }) } },
    },
    () => ({ status: 'live' as const }),
  );

  const ready = { summary: 'What this process can do now, and what is missing', tags: ['operations'] };
  app.get(
    '/health/ready',
    {
      config: { access: 'open', work: 'none' },
      schema: { ...ready, response: { 200: Readiness, 503: Readiness } },
    },
    async (_request, reply) => {
      const states = await Promise.all(dependencies.map(stateOf));
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

async function stateOf({ name, cost, checkedThrough, check }: Dependency): Promise<State> {
  try {
    const found = await withTimeout(CHECK_WITHIN_MS, check());
    return found === undefined ? { name, status: 'up' } : { name, ...found, cost };
  } catch (error) {
    const isUnknown = checkedThrough !== undefined && (isMongoOutage(error) || isTemporalOutage(error));
    // The cost is left out while the status is unknown.
    if (isUnknown)
      return { name, status: 'unknown', detail: `${checkedThrough} does not answer: ${messageOf(error)}` };
    return { name, status: 'down', detail: messageOf(error), cost };
  }
}
