import { endpointLog } from './endpoint/endpoint-log.js';
import type { Draft, State } from './log/entity.js';
import { type AnyLog, type EntityLog, storesOf } from './log/entity-log/entity-log.js';
import { orderLog } from './order-log.js';

/** The logs of all kinds of entities. */
export const logs: readonly AnyLog[] = [orderLog, endpointLog];

/** The log of the kind of entity with this name. */
export function logNamed(name: string): AnyLog {
  const log = logs.find(({ entity }) => entity.name === name);
  if (log === undefined) throw new RangeError(`There is no kind of entity ${name}.`);
  return log;
}

/** The log whose state view or journal has this name. */
export function logOfStore(name: string): AnyLog {
  const log = logs.find((one) => storesOf(one).includes(name));
  if (log === undefined) throw new RangeError(`There is no store ${name}.`);
  return log;
}

/**
 * The log, as the type that functions for any entity expect. The caller makes sure that these
 * functions get only states and events of this log.
 */
export function ofAnyEntity(log: AnyLog): EntityLog<State, Draft> {
  return log as EntityLog<State, Draft>;
}
