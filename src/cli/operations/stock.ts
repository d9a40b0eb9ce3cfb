import type { Command } from 'commander';
import { MAX_PAGE } from '../../api/schemas/page-limits.js';
import { type Api, apiPath, type Page } from '../connections/api.js';
import { apiOf } from '../connections/api-address.js';
import { table } from '../printing/table.js';
import { addRequestOptions, type RequestOptions } from '../script/options.js';
import { wholeNumber } from '../script/parsers.js';
import { addScript, type CommonOptions, report, type Session } from '../script/script.js';
import { sendRequest } from '../script/sender.js';

interface StockItem {
  readonly sku: string;
  readonly onHand: number;
  readonly reserved: number;
  readonly toBeCounted?: true;
}

/** Adds `stock` and `stock set`. */
export function addStock(program: Command, session: Session): void {
  const stock = addScript(program, 'stock', {
    summary: 'show the stock, or set what is on hand',
    details: 'An item that was never set has 1,000 on hand in the sandbox, or 0 if its SKU begins with OUT-.',
    examples: ['stock', 'stock A-1', 'stock set A-1 250'],
  }).argument('[sku]', 'one item');
  stock.action(async (sku: string | undefined) => {
    const options = stock.optsWithGlobals<CommonOptions>();
    const api = apiOf(session, options);
    if (sku === undefined) {
      const items = await allStock(api);
      report(session, options, items, () => stockLines(items, session));
    } else {
      const item = await api.get<StockItem>(apiPath`/v1/stock/${sku}`);
      report(session, options, item, () => stockLines([item], session));
    }
  });

  const set = addScript(stock, 'set', {
    summary: 'set what is on hand of an item',
    examples: ['stock set A-1 250', 'stock set A-1 250 --key count-2026-11'],
  })
    .argument('<sku>', 'the item')
    .argument('<onHand>', 'how many there are, reserved ones included', wholeNumber);
  addRequestOptions(set);
  set.action(async (sku: string, onHand: number) => {
    const options = set.optsWithGlobals<RequestOptions>();
    const api = apiOf(session, options);
    const path = apiPath`/v1/stock/${sku}`;
    const item = await sendRequest(
      session,
      options,
      async (headers) => await api.put<StockItem>(path, { onHand }, headers),
    );
    report(session, options, item, () => stockLines([item], session));
  });
}

/** Every item that was ever reserved or set, from all pages. */
async function allStock(api: Api): Promise<readonly StockItem[]> {
  const items: StockItem[] = [];
  let cursor: string | undefined;
  do {
    const page: Page<StockItem> = await api.get('/v1/stock', { limit: MAX_PAGE, cursor });
    items.push(...page.data);
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return items;
}

function stockLines(items: readonly StockItem[], { terminal: { paint } }: Session): readonly string[] {
  if (items.length === 0) return ['nothing was ever reserved or set'];
  const rows = items.map(({ sku, onHand, reserved, toBeCounted }) => [
    sku,
    String(onHand),
    String(reserved),
    toBeCounted ? 'to be counted' : String(onHand - reserved),
  ]);
  return table(
    [
      { title: 'SKU' },
      { title: 'ON HAND', align: 'right' },
      { title: 'RESERVED', align: 'right' },
      { title: 'AVAILABLE', align: 'right' },
    ],
    rows,
    paint,
  );
}
