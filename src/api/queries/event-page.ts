import type { FastifyReply } from 'fastify';

/**
 * Sends a page of events without the response schema: an event that lacks a field, because a person
 * changed the journal, does not keep the others from the client.
 *
 * @param next where the next page begins; undefined on the last page
 * @param more other members of the page
 * @param open opens the persons in the text; by default, they stay sealed
 */
export async function sendEvents(
  reply: FastifyReply,
  data: readonly object[],
  next: number | undefined,
  {
    more = {},
    open = (json) => Promise.resolve(json),
  }: { readonly more?: object; readonly open?: (json: string) => Promise<string> } = {},
): Promise<FastifyReply> {
  const page = { ...more, data, ...(next !== undefined && { nextCursor: String(next) }) };
  return await reply.type('application/json; charset=utf-8').send(await open(JSON.stringify(page)));
}
