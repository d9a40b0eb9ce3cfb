import type { Db } from 'mongodb';
import { Type } from 'typebox';
import { saveReaderCheckpoint, type Reader, MAX_READERS } from '../../../delivery/readers.js';
import { feedEnd } from '../../../log/feed/feed.js';
import { committedInTime } from '../../../mongodb/durability.js';
import { orderLog } from '../../../order-log.js';
import { HttpProblem, problemResponses } from '../../problem.js';
import { FeedGeneration } from '../../schemas/feed.js';
import { closed, Id, Position } from '../../schemas/values.js';
import type { Http } from '../../http.js';
import { refuseOtherGeneration, refusePositionBeyond } from '../refuse-unknown.js';

/** Stores the checkpoints of clients that cannot store them themselves. */
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
          ...problemResponses(400, 409, 413, 415, 503),
        },
      },
    },
    async (request, reply) => {
      const { position, generation } = request.body;
      const { generations, head } = await feedEnd(orderLog, db, committedInTime);
      refuseOtherGeneration(position, generation, generations);
      refusePositionBeyond(position, head);
      const place = { position, generation: generations.current.generation };
      const reader = { client: request.principal.issuer, name: request.params.reader };
      if (!(await saveReaderCheckpoint(db, reader, place))) throw tooManyReaders(reader);
      return await reply.send({ reader: reader.name, ...place });
    },
  );
}

function tooManyReaders({ client, name }: Reader): HttpProblem {
  const detail = `${client} has ${MAX_READERS} readers, the maximum, and ${name} is not one of them. Use one of their names.`;
  return new HttpProblem(409, 'too_many_readers', detail);
}
