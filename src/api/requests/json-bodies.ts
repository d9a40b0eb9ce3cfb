import type { FastifyRequest } from 'fastify';
import { HttpProblem } from '../problem.js';
import type { Http } from '../http.js';

/** Accepts only JSON in UTF-8. An empty body counts as `{}`, because some commands have no data. */
export function acceptOnlyJson(app: Http): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body: Buffer, done) => {
    if (body.length === 0) done(null, {});
    else void parse(request, textOf(request, body), done);
  });
  // This is for bodies of another media type or of none. A chunked body without a media type may be
  // empty.
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body: Buffer, done) => {
    if (body.length > 0) throw unsupported('Send JSON, as Content-Type: application/json.');
    done(null);
  });
  app.addHook('onRequest', async ({ method, headers }, reply) => {
    if (bodyless.has(method) || /^\s*(identity\s*)?$/i.test(headers['content-encoding'] ?? '')) return;
    // RFC 9110, 15.5.16: a 415 names the encodings that are accepted.
    reply.header('accept-encoding', 'identity');
    throw unsupported('Send the body as it is, without Content-Encoding.');
  });
  app.addHook('preValidation', async (request) => {
    if (!bodyless.has(request.method) && request.body === undefined) request.body = {};
  });
}

const bodyless = new Set(['GET', 'HEAD']);

/**
 * A body as text, including a byte order mark.
 *
 * @throws HttpProblem 415 for a charset other than UTF-8; 400 for invalid UTF-8, which is not
 *   repaired
 */
export function textOf({ headers }: FastifyRequest, body: Buffer): string {
  const charsets = [...(headers['content-type'] ?? '').matchAll(/;\s*charset\s*=\s*"?([^";\s]*)/gi)];
  if (!charsets.every(([, charset = '']) => /^utf-?8$/i.test(charset)))
    throw unsupported('Send the body in UTF-8, which is what JSON is.');
  try {
    return utf8.decode(body);
  } catch {
    throw new HttpProblem(400, 'invalid_utf8', 'The body is not UTF-8. Send it as Unicode in UTF-8.');
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function unsupported(detail: string): HttpProblem {
  return new HttpProblem(415, 'unsupported_media_type', detail);
}
