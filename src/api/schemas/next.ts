import { type Static, Type } from 'typebox';
import { UpcomingDeadline } from './deadline.js';
import { effectMembers } from './effect.js';
import { Instant } from './order.js';
import { closed } from './values.js';

const optional = Type.Optional;

/** What an order waits for. */
export const Next = closed({
  orderId: Type.String(),
  version: Type.Integer(),
  deadlines: Type.Array(UpcomingDeadline, {
    description: 'times at which the order changes without a command, the earliest first',
  }),
  effects: Type.Array(
    closed({
      ...effectMembers,
      since: Instant,
      attempts: optional(
        Type.Integer({
          description:
            'number of the current or the next attempt, from 1 on; absent if Temporal does not say',
        }),
      ),
      lastError: optional(Type.String()),
      nextTryAt: optional(Instant),
    }),
    { description: 'what the order owes the outside world' },
  ),
  workflow: optional(
    closed(
      {
        id: Type.String(),
        runId: Type.String(),
        status: Type.String({ description: 'of the latest run, such as `running` or `completed`' }),
        url: optional(Type.String({ description: 'in the Temporal Web UI, if its address is known' })),
      },
      { description: 'absent if Temporal does not answer, or does not keep it' },
    ),
  ),
});
export type Next = Static<typeof Next>;
