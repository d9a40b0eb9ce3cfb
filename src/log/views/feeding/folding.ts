import { type Draft, NewerEvent, type State, type StoredEvent } from '../../entity.js';
import type { AnyLog, EntityLog } from '../../journal/entity-log.js';

/** The journal lacks an entity's next event. */
export class Gap extends Error {
  override readonly name = 'Gap';
}

/**
 * The entity after an event; an error if it cannot be computed.
 *
 * @throws NewerEvent if a newer version of the code wrote the event: a worker of that version
 *   continues
 */
export function stateAfter<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  before: S | undefined,
  event: StoredEvent,
): S | Error {
  const version = (before?.version ?? 0) + 1;
  if (event.version !== version) return gapAt(log, event.orderId, version);
  try {
    return log.entity.evolve(before, log.entity.upcast(event));
  } catch (error) {
    if (error instanceof NewerEvent) throw error;
    return error instanceof Error ? error : new Error(String(error));
  }
}

export function gapAt({ entity }: Pick<AnyLog, 'entity'>, id: string, version: number): Gap {
  return new Gap(`The journal of ${entity.name} ${id} lacks version ${version}.`);
}
