import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import files from '@fastify/static';
import type { FastifyRequest } from 'fastify';
import { setHeadersOfPages } from '../edge/headers.js';
import { type Http, unknownPath } from '../server.js';
import { orderCard } from './card.js';

const hidden = { config: { access: 'open' }, schema: { hide: true } } as const;
const paths = ['/', '/orders', '/attention', '/system', '/customers/:customerId', '/stock', '/webhooks'];
/** In `index.html`, where a browser without JavaScript finds the order. */
const PLACE = '<!-- order -->';

/**
 * Serves the page: its files, and `index.html` for each of its paths, which its script tells apart.
 *
 * @param folder of the page as it was built
 */
export async function registerPage(app: Http, folder: string): Promise<void> {
  const html = readFileSync(join(folder, 'index.html'), 'utf8');
  const assets = new Set(readdirSync(join(folder, 'assets')));
  await app.register(async (page: Http) => {
    await setHeadersOfPages(page);
    await page.register(files, { root: folder, serve: false, preCompressed: true, index: false });
    // Their names have a hash of what they contain.
    page.get<{ Params: { '*': string } }>('/assets/*', hidden, (request, reply) => {
      const name = request.params['*'];
      if (!assets.has(name)) throw unknownPath(`/assets/${name}`);
      return reply.sendFile(`assets/${name}`, { maxAge: '365d', immutable: true });
    });
    for (const path of paths)
      page.get(path, hidden, (_request, reply) =>
        reply.type('text/html; charset=utf-8').header('cache-control', 'no-cache').send(html),
      );
    page.get<{ Params: { orderId: string } }>('/orders/:orderId', hidden, async (request, reply) => {
      const card = await readCard(app, request);
      return await reply
        .type('text/html; charset=utf-8')
        .header('cache-control', 'no-store')
        .header('link', preloads(request.params.orderId))
        .send(html.replace(PLACE, () => card));
    });
  });
}

/**
 * What the script asks first (`src/web/order/follow.ts`), so that the browser asks it meanwhile.
 */
function preloads(orderId: string): string {
  const order = `/v1/orders/${encodeURIComponent(orderId)}`;
  return [order, `${order}/events?after=0&limit=1000`]
    .map((path) => `<${path}>; rel=preload; as=fetch; crossorigin`)
    .join(', ');
}

/**
 * The order as a browser without JavaScript shows it. It is read as this client would read it, so
 * what the client may not see is not in it.
 */
async function readCard(
  app: Http,
  request: FastifyRequest<{ Params: { orderId: string } }>,
): Promise<string> {
  const { params, ip } = request;
  const { host, cookie } = request.headers;
  // Frees this request's place, because the injected request takes another one.
  request.leave();
  const { statusCode, payload } = await app.inject({
    url: `/v1/orders/${encodeURIComponent(params.orderId)}`,
    // A wrong key counts for this client's address.
    remoteAddress: ip,
    headers: { ...(host !== undefined && { host }), ...(cookie !== undefined && { cookie }) },
  });
  return statusCode === 200 ? orderCard(JSON.parse(payload)) : '';
}
