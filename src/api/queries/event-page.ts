import type { FastifyReply } from 'fastify';

interface PageOptions {
  /** other members of the page */
  readonly more?: object;
  /** opens the sealed values in the text; by default, they stay sealed */
  readonly open?: (json: string) => Promise<string>;
}

/**
 * Sends a page of events without the response schema. If somebody has edited the journal, an event
 * may lack a field. The client then gets it as it is, with the other events.
 *
 * @param next where the next page begins; undefined on the last page
 */
export async function sendEvents(
  reply: FastifyReply,
  data: readonly object[],
  next: number | undefined,
  { more = {}, open }: PageOptions = {},
): Promise<FastifyReply> {
  const page = { ...more, data, ...(next !== undefined && { nextCursor: String(next) }) };
  const json = JSON.stringify(page);
  return await reply.type('application/json; charset=utf-8').send(await (open?.(json) ?? json));
}
