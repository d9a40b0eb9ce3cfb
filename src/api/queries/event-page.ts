import type { FastifyReply } from 'fastify';

/**
 * Sends a page of events as they stand. What a hand has taken out of one is no reason to keep back
 * the others: the schema of an event is for those who read it.
 *
 * @param next where the next page begins; undefined where there is none yet
 */
export async function sendEvents(
  reply: FastifyReply,
  data: readonly object[],
  next: number | undefined,
): Promise<FastifyReply> {
  const page = { data, ...(next !== undefined && { nextCursor: String(next) }) };
  return await reply.type('application/json; charset=utf-8').send(JSON.stringify(page));
}
