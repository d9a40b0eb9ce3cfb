import { type Static, Type } from 'typebox';
import { endpointStatuses } from '../../endpoint/endpoint.js';
import { Instant } from './order.js';
import { closed } from './values.js';

const optional = Type.Optional;

/** The progress of a subscription of the feed. */
export const Subscription = closed({
  name: Type.String({ description: "the endpoint's id, `kafka`, or the name of a reader" }),
  kind: Type.Enum(['webhook', 'kafka', 'reader']),
  to: Type.String({ description: 'the URL, the topic, or the client that reads' }),
  status: Type.Enum([...endpointStatuses]),
  generation: Type.Integer(),
  position: Type.Integer({ description: 'everything up to it was delivered or handled, or waits' }),
  lag: Type.Integer({ description: 'events of the feed after the position' }),
  waiting: Type.Integer({ description: 'events that are tried again later, or wait for one that is' }),
  parked: Type.Integer({ description: 'events that are not tried again by themselves' }),
  delivered: Type.Integer({ description: 'deliveries that were acknowledged; of a reader, its position' }),
  failures: Type.Integer({ description: 'attempts in a row that failed' }),
  failingSince: optional(Instant),
  lastSuccessAt: optional(Instant),
  restUntil: optional(Type.String({ description: 'nothing is sent before' })),
});
export type Subscription = Static<typeof Subscription>;
