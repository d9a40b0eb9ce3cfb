import type { Db } from 'mongodb';
import { Type } from 'typebox';
import { noteReader, placeOfReader, type Reader, READERS_OF_A_CLIENT } from '../../../delivery/readers.js';
import { placeIn } from '../../../delivery/place.js';
import { feedEnd } from '../../../log/feed/feed.js';
import type { Generations } from '../../../log/feed/generations.js';
import { answering } from '../../../mongodb/durability.js';
import { orderLog } from '../../../order-log.js';
import { HttpProblem, problemsOf } from '../../problem.js';
import { closed, Id, Position } from '../../schemas/values.js';
import type { Http } from '../../http.js';
import { badQuery } from '../query-parameters.js';
import { refuseOtherGeneration, refusePositionBeyond } from '../refuse-place.js';
import { FeedGeneration } from '../schemas.js';

/** The parameter by which a named reader asks for a page or a stream. */
export const ReaderParameter = Type.Optional(
  Type.String({
    ...Id,
    description: 'continue after the checkpoint of this reader, which `PUT /v1/readers/{reader}` keeps',
  }),
);

/** The checkpoints of clients that have no place of their own for one. */
export function registerReaders(app: Http, db: Db): void {
  app.put(
    '/v1/readers/:reader',
    {
      config: { access: 'events:read' },
      schema: {
        summary: 'Keep the checkpoint of a named reader of the feed',
        description:
          'The reader has handled every event up to the position: `GET /v1/events?reader=` and ' +
          '`GET /v1/events/stream?reader=` continue after it, and `GET /v1/subscriptions` shows it. Names belong to the ' +
          'client. A checkpoint may move back, and is forgotten 30 days after it was kept last.',
        tags: ['feed'],
        params: closed({ reader: Id }),
        // Without its generation, a position from before a restore would skip new events.
        body: closed({ position: Position, generation: FeedGeneration }),
        response: {
          200: closed({ reader: Type.String(), position: Type.Integer(), generation: Type.Integer() }),
          ...problemsOf(400, 409, 413, 415, 503),
        },
      },
    },
    async (request, reply) => {
      const { position, generation } = request.body;
      const { generations, head } = await feedEnd(orderLog, db, answering);
      refuseOtherGeneration(position, generation, generations);
      refusePositionBeyond(position, head);
      const place = { position, generation: generations.current.generation };
      const reader = { client: request.principal.issuer, name: request.params.reader };
      if (!(await noteReader(db, reader, place))) throw tooManyReaders(reader);
      return await reply.send({ reader: reader.name, ...place });
    },
  );
}

function tooManyReaders({ client, name }: Reader): HttpProblem {
  const detail = `${client} has ${READERS_OF_A_CLIENT} readers, and ${name} would be one more: use a name again.`;
  return new HttpProblem(409, 'too_many_readers', detail);
}

/**
 * @throws HttpProblem 400 if a request names a reader, whose checkpoint is kept here, and another
 *   place as well
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
export async function continuesAfter(db: Db, reader: Reader, generations: Generations): Promise<number> {
  const kept = await placeOfReader(db, reader);
  return kept === undefined ? 0 : placeIn(generations, kept).position;
}
