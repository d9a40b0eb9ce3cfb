import { Webhook, WebhookVerificationError } from 'standardwebhooks';
import type { Secrets } from '../../server/config/secrets.js';
import type { Http } from '../http.js';
import { HttpProblem } from '../problem.js';
import { textOf } from './json-bodies.js';

/**
 * Refuses every unsigned body of this plugin. The signature covers the bytes, so it is checked
 * before parsing.
 *
 * @param secrets a signature of any of them is accepted
 */
export function verifySignatures(app: Http, secrets: Secrets): void {
  const signers = secrets.map((secret) => new Webhook(secret));
  app.removeContentTypeParser('application/json');
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body: Buffer, done) =>
    done(null, textOf(request, body)),
  );
  app.addHook('preValidation', async (request) => {
    const { body, headers } = request;
    if (typeof body !== 'string' || !signers.some((signer) => isSigned(signer, body, headers))) {
      const detail =
        'The signature is missing, wrong or older than five minutes. Sign by the Standard Webhooks scheme.';
      throw new HttpProblem(401, 'invalid_signature', detail);
    }
    request.body = parse(body);
  });
}

function isSigned(signer: Webhook, body: string, headers: Readonly<Record<string, unknown>>): boolean {
  const { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature } = headers;
  if (typeof id !== 'string' || typeof timestamp !== 'string' || typeof signature !== 'string') return false;
  const signed = { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature };
  try {
    signer.verify(body, signed, { jsonParse: false });
    return true;
  } catch (error) {
    if (error instanceof WebhookVerificationError) return false;
    throw error;
  }
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body.replace(/^\uFEFF/, ''));
  } catch {
    throw new HttpProblem(400, 'invalid_json', 'The body is not valid JSON.');
  }
}
