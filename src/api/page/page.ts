import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import files from '@fastify/static';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { setHeadersOfPages } from '../edge/headers.js';
import type { PersonalDataAtEdge } from '../access/personal-data.js';
import type { OrderReader } from '../queries/order-reader.js';
import { HttpProblem } from '../problem.js';
import { OrderPath } from '../schemas/values.js';
import type { Http } from '../http.js';
import { unknownPath } from '../requests/paths.js';
import { orderCard } from './card.js';
import { type PagePath, pagePaths } from './paths.js';

const hidden = { config: { access: 'open' }, schema: { hide: true } } as const;
/** The path of the page of an order. This page contains the order's card. */
const ORDER_PATH: PagePath = '/orders/:orderId';
/** Placeholder in `index.html`, which the order's card replaces for browsers without JavaScript. */
const PLACE = '<!-- src/api/page puts the card of an order here -->';

/** How the page reads the order that it shows without JavaScript. */
interface OrdersOfPage {
  readonly reader: Pick<OrderReader, 'read'>;
  readonly personalData: Pick<PersonalDataAtEdge, 'json'>;
}

/**
 * Serves the page: its files, and `index.html` for each of its paths. The page's script shows what
 * belongs to the path.
 *
 * @param folder the folder with the built page
 */
export async function registerPage(app: Http, folder: string, orders: OrdersOfPage): Promise<void> {
  const html = readFileSync(join(folder, 'index.html'), 'utf8');
  const assets = new Set(readdirSync(join(folder, 'assets')));
  await app.register(async (page: Http) => {
    await setHeadersOfPages(page);
    await page.register(files, { root: folder, serve: false, preCompressed: true, index: false });
    // The name of each file contains a hash of its content, so browsers may keep it for good.
    page.get<{ Params: { '*': string } }>('/assets/*', hidden, (request, reply) => {
      const name = request.params['*'];
      if (!assets.has(name)) throw unknownPath(`/assets/${name}`);
      return reply.sendFile(`assets/${name}`, { maxAge: '365d', immutable: true });
    });
    for (const path of pagePaths.filter((one) => one !== ORDER_PATH))
      page.get(path, hidden, (_request, reply) =>
        reply.type('text/html; charset=utf-8').header('cache-control', 'no-cache').send(html),
      );
    const [before = '', after = ''] = html.split(PLACE);
    const cardOf = createCards();
    // An invalid id is not refused here, because the page's script reports it.
    const ofOrder = { ...hidden, schema: { hide: true, params: OrderPath }, attachValidation: true } as const;
    page.get(ORDER_PATH, ofOrder, async (request, reply) => {
      const { orderId } = request.params;
      const isId = request.validationError === undefined;
      const card = isId ? await readCard(app, orders, cardOf, request, reply) : '';
      return await reply
        .type('text/html; charset=utf-8')
        .header('cache-control', 'no-store')
        .header('link', preloads(orderId))
        .send(before + card + after);
    });
  });
}

/**
 * Links that preload the first requests of the page's script (`src/web/pages/order/follow.ts`), so
 * that the browser sends them while it loads the script.
 */
function preloads(orderId: string): string {
  const order = `/v1/orders/${encodeURIComponent(orderId)}`;
  return [order, `${order}/events?after=0&limit=1000`]
    .map((path) => `<${path}>; rel=preload; as=fetch; crossorigin`)
    .join(', ');
}

/**
 * The card of an order that is given as JSON.
 *
 * @param kept the entry of the cache that the order comes from: its card is kept with it
 */
type CardOf = (json: string, kept: object | undefined) => string;

function createCards(): CardOf {
  const known = new WeakMap<object, { readonly json: string; readonly card: string }>();
  return (json, kept) => {
    const before = kept && known.get(kept);
    // Clients that may read personal data get another text than those that may not.
    if (before?.json === json) return before.card;
    const card = orderCard(JSON.parse(json));
    if (kept !== undefined) known.set(kept, { json, card });
    return card;
  };
}

/**
 * The order as a browser without JavaScript shows it; empty if it cannot be read, or the client may
 * not read orders. It has no personal data that the client may not read.
 */
async function readCard(
  app: Http,
  { reader, personalData }: OrdersOfPage,
  cardOf: CardOf,
  request: FastifyRequest<{ Params: { orderId: string } }>,
  reply: FastifyReply,
): Promise<string> {
  try {
    const principal = await app.whoIs(request);
    if (principal?.scopes.has('orders:read') !== true) return '';
    request.principal = principal;
    const found = await reader.read(request.params.orderId);
    if (found === undefined) return '';
    return cardOf(await personalData.json(request, reply, found.json, found.cached), found.cached);
  } catch (error) {
    // The page's script makes the same request, and shows the problem.
    if (!(error instanceof HttpProblem))
      request.log.warn({ err: error }, 'the page is served without its order');
    return '';
  }
}
