import type { Db } from 'mongodb';
import { Type } from 'typebox';
import { readerCheckpoint, type Reader } from '../../../delivery/readers.js';
import type { Generations } from '../../../log/feed/generations.js';
import { Id } from '../../schemas/values.js';
import { badQuery } from '../query-parameters.js';

/** The parameter by which a named reader asks for a page or a stream. */
export const ReaderParameter = Type.Optional(
  Type.String({
    ...Id,
    description: 'continue after the checkpoint of this reader, which `PUT /v1/readers/{reader}` keeps',
  }),
);

/**
 * @throws HttpProblem 400 if a request names a reader, and a position or generation as well: the
 *   stored checkpoint of the reader already says where to continue
 */
export function refuseTwoPlaces({
  reader,
  after,
  generation,
}: {
  readonly reader?: string;
  readonly after?: number;
  readonly generation?: number;
}): void {
  if (reader !== undefined && (after !== undefined || generation !== undefined))
    throw badQuery('reader', `give either reader, or after: PUT /v1/readers/${reader} keeps its checkpoint`);
}

/**
 * The position, in the current generation, after which a reader continues: 0 if it has no
 * checkpoint.
 */
export async function positionOfReader(db: Db, reader: Reader, generations: Generations): Promise<number> {
  const kept = await readerCheckpoint(db, reader);
  return kept === undefined ? 0 : generations.inCurrent(kept).position;
}
