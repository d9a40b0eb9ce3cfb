import type { Cause, Draft, Envelope, State } from '../entity.js';
import { type StateDifference, differencesBetween } from '../entity-log/differences.js';
import type { EntityLog } from '../entity-log/entity-log.js';
import { stateAt } from './time-travel.js';

/** The differences of an entity between two of its versions. */
export interface Diff {
  readonly orderId: string;
  readonly from: number;
  readonly to: number;
  /** the net changes: a change that a later event reverts is left out */
  readonly changes: readonly StateDifference[];
  /** the changes of each event, ascending */
  readonly steps: readonly DiffStep[];
}

export interface DiffStep extends Cause {
  readonly version: number;
  readonly type: string;
  /** the event's reason or code, and its detail or message; absent if it has none of them */
  readonly reason?: string;
  readonly changes: readonly StateDifference[];
}

/**
 * @param events ascending, from version 1, without gaps up to `to`
 * @param from 1 ≤ from ≤ to
 */
export function diff<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  events: readonly (D & Envelope)[],
  from: number,
  to: number,
): Diff {
  const start = stateAt(log, events, { version: from });
  if (start === undefined) throw new RangeError(`The log does not reach version ${from}.`);
  const steps: DiffStep[] = [];
  let state = start;
  for (const event of events.slice(from, to)) {
    const next = log.entity.evolve(state, event);
    steps.push(diffStepOf(event, differencesBetween(log.shape, state, next)));
    state = next;
  }
  const changes = differencesBetween(log.shape, start, state);
  return { orderId: state.orderId, from, to, changes, steps };
}

function diffStepOf(event: Draft & Envelope, changes: readonly StateDifference[]): DiffStep {
  const { version, type, occurredAt, actor, onBehalfOf, commandId, correlationId, causationId } = event;
  const reason = reasonOf(event);
  return {
    version,
    type,
    occurredAt,
    actor,
    ...(onBehalfOf === undefined ? {} : { onBehalfOf }),
    commandId,
    correlationId,
    causationId,
    ...(reason === '' ? {} : { reason }),
    changes,
  };
}

function reasonOf({ data }: Draft): string {
  const what = 'reason' in data ? data.reason : 'code' in data ? data.code : undefined;
  const more = 'detail' in data ? data.detail : 'message' in data ? data.message : undefined;
  return [what, more].filter((text) => typeof text === 'string').join(': ');
}
