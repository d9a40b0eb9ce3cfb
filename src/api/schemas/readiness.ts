import { type Static, Type } from 'typebox';
import { closed } from './values.js';

const optional = Type.Optional;

/** What a process depends on: servers, and parts of the system. */
export type DependencyName =
  'temporal' | 'mongodb' | 'workers' | 'recording' | 'feed' | 'kafka' | 'forks' | 'reconciliation' | 'stock';

/** What the roles of a process can do now. */
export const Readiness = closed({
  status: Type.Enum(['ready', 'degraded', 'unavailable']),
  roles: Type.Record(Type.String(), Type.Enum(['ready', 'unavailable'])),
  dependencies: Type.Array(
    closed({
      name: Type.Unsafe<DependencyName>(Type.String()),
      status: Type.Enum(['up', 'degraded', 'down', 'unknown'], {
        description: 'unknown: the server to ask is down',
      }),
      code: optional(
        Type.Enum(['no_worker'], {
          description: 'for programs; `no_worker`: no worker polls the task queue that `detail` names',
        }),
      ),
      detail: optional(Type.String()),
      cost: optional(Type.String({ description: 'what does not work meanwhile' })),
    }),
  ),
});
export type Readiness = Static<typeof Readiness>;
