import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';

const COOKIE = 'orders_session';
/**
 * The cookie's name over https. The prefix keeps other hosts of the domain from setting it (RFC
 * 6265bis, 4.1.3).
 */
const SECURE_COOKIE = `__Host-${COOKIE}`;

/** The cookie is `Secure` if the page came by https. */
export function setCookie(
  { headers }: FastifyRequest,
  reply: FastifyReply,
  key: string,
  seconds: number,
): void {
  const [name, secure] = isByHttps(headers) ? [SECURE_COOKIE, '; Secure'] : [COOKIE, ''];
  reply.header(
    'set-cookie',
    `${name}=${key}; Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Strict${secure}`,
  );
}

/** The key in the cookie of a request; undefined if it has none. */
export function keyInCookie({ headers }: Pick<FastifyRequest, 'headers'>): string | undefined {
  const secure = cookieIn(headers, SECURE_COOKIE);
  return secure ?? (isByHttps(headers) ? undefined : cookieIn(headers, COOKIE));
}

function cookieIn({ cookie = '' }: IncomingHttpHeaders, name: string): string | undefined {
  return new RegExp(`(?:^|;) *${name}=([^;, "]+)`).exec(cookie)?.[1];
}

/** Whether the browser or a proxy says that the request came by https. */
function isByHttps({ origin, 'x-forwarded-proto': proto }: IncomingHttpHeaders): boolean {
  return origin?.startsWith('https:') === true || proto === 'https';
}
