import type { FastifyReply } from 'fastify';

/**
 * Sends a page of events without the response schema: an event that lacks a field, because a person
 * changed the journal, does not keep the others from the client.
 *
 * @param next where the next page begins; undefined on the last page
 * @param more other members of the page
 */
export async function sendEvents(
  reply: FastifyReply,
  data: readonly object[],
  next: number | undefined,
  more: object = {},
): Promise<FastifyReply> {
  const page = { ...more, data, ...(next !== undefined && { nextCursor: String(next) }) };
  return await reply.type('application/json; charset=utf-8').send(JSON.stringify(page));
}
