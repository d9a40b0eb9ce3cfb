import { type Static, Type } from 'typebox';
import { Instant } from './order.js';
import { closed } from './values.js';

const optional = Type.Optional;

/** Whether history, journal, view and workflow of an order agree. */
export const Proof = closed({
  orderId: Type.String(),
  checkedAt: Instant,
  version: Type.Integer({ description: 'the version of the last event in the journal; 0 if it has none' }),
  position: optional(
    Type.Integer({ description: 'the position of that event in the feed; absent if it has none yet' }),
  ),
  agrees: Type.Boolean(),
  hasHistory: Type.Boolean({
    description: 'false if Temporal has deleted the history; then the journal is checked alone',
  }),
  differences: Type.Array(
    closed({
      where: Type.Enum([
        'journal',
        'history',
        'view',
        'workflow',
        'positions',
        'stock',
        'payments',
        'carriers',
      ]),
      kind: Type.Enum(['differs', 'behind', 'stopped', 'unanswered']),
      version: optional(Type.Integer()),
      key: optional(Type.String({ description: 'the key of the effect' })),
      detail: Type.String(),
      remedy: optional(Type.String()),
    }),
  ),
});
export type Proof = Static<typeof Proof>;
