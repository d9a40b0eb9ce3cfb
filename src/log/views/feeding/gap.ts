import type { AnyLog } from '../../entity-log/entity-log.js';

/** The journal lacks an entity's next event. */
export class Gap extends Error {
  override readonly name = 'Gap';
}

export function gapAt({ entity }: Pick<AnyLog, 'entity'>, id: string, version: number): Gap {
  return new Gap(`The journal of ${entity.name} ${id} lacks version ${version}.`);
}
