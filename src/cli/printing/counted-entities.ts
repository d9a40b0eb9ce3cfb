import { logOfStore } from '../../entity-logs.js';
import { counted } from './terminal.js';

/**
 * `1 endpoint`, `2 endpoints`. With verbs `[' is', ' are']`: `1 endpoint is`, `2 endpoints are`.
 *
 * @param entity the name of the kind of entity
 */
export function countedEntities(
  count: number,
  entity: string,
  [one, several]: readonly [string, string] = ['', ''],
): string {
  return counted(count, `${entity}${one}`, `${plural(entity)}${several}`);
}

/** @param entity the name of the kind of entity */
export function plural(entity: string): string {
  return `${entity}s`;
}

/** A number of entities of the kind that a store is about. */
export function countedIn(store: string, count: number): string {
  return countedEntities(count, logOfStore(store).entity.name);
}
