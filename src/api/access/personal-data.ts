import type { FastifyReply, FastifyRequest } from 'fastify';
import { FRESH_MS } from '../../sealing/key-store/key-cache.js';
import type { KeyStore } from '../../sealing/key-store/key-store.js';
import { hasSealed, openAll, openJson, type Opened } from '../../sealing/opening.js';
import { undefinedInOutage } from '../../outages/mongo-outage.js';
import { hashedWords } from '../../views/person-words.js';
import type { Http } from '../http.js';

/** Opens the sealed values in answers, for clients that may read personal data. */
export interface PersonalDataAtEdge {
  /**
   * Opens the sealed values in a JSON text.
   *
   * @param kept the cache entry that the text comes from: the opened text is cached with it for
   *   `FRESH_MS`
   */
  json(request: FastifyRequest, reply: FastifyReply, json: string, kept?: object): Promise<string>;
  /** Plain data with its sealed values opened, for a route that needs `persons:read`. */
  open(value: object): Promise<Opened<unknown>>;
  /** Whether the client gets this text with its sealed values opened. */
  opens(request: FastifyRequest, json: string): boolean;
  /**
   * The hash of each word, by which sealed values are found (`personWords`). Empty for a client
   * that may not read personal data, and while the key store is unavailable.
   */
  search(
    request: FastifyRequest,
    reply: FastifyReply,
    words: readonly string[],
  ): Promise<ReadonlyMap<string, string>>;
}

/**
 * Opens the sealed values in every answer that is sent as an object. A route that sends JSON as
 * text calls `json`. The feed leaves its events sealed, because readers keep copies of them.
 * Clients without `persons:read` get the sealed values.
 */
export function createPersonalDataAtEdge(app: Http, keyStore: KeyStore): PersonalDataAtEdge {
  const known = new WeakMap<object, { readonly opened: Opened<string>; readonly at: number }>();

  app.addHook('preSerialization', async (request, reply, payload: unknown) => {
    // An error may be answered before its client is known, and has no personal data.
    if (reply.statusCode >= 400 || !mayRead(request)) return payload;
    return marked(reply, await openAll(keyStore, payload));
  });

  return {
    async json(request, reply, json, kept) {
      if (!mayRead(request) || !hasSealed(json)) return json;
      const before = kept && known.get(kept);
      if (before !== undefined && Date.now() - before.at < FRESH_MS) return marked(reply, before.opened);
      const at = Date.now();
      const opened = await openJson(keyStore, json);
      if (kept !== undefined) known.set(kept, { opened, at });
      return marked(reply, opened);
    },
    open: async (value) => await openAll<unknown>(keyStore, value),
    opens: (request, json) => mayRead(request) && hasSealed(json),
    async search(request, reply, words) {
      if (!mayRead(request) || words.length === 0) return new Map();
      const hashes = await undefinedInOutage(hashedWords(keyStore, words));
      if (hashes === undefined)
        return marked(reply, { value: new Map<string, string>(), personalData: 'sealed' });
      return new Map(words.map((word, index) => [word, hashes[index] ?? '']));
    },
  };
}

function mayRead({ principal }: FastifyRequest): boolean {
  return principal.scopes.has('persons:read');
}

/** Marks an answer whose sealed values could not be opened, so that no cache keeps it. */
function marked<T>(reply: FastifyReply, { value, personalData }: Opened<T>): T {
  if (personalData === 'sealed') {
    reply.header('persons', 'sealed').header('cache-control', 'no-store').removeHeader('etag');
  }
  return value;
}
