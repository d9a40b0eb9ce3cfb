import type { Command } from 'commander';
import { type Api, at } from './api.js';
import { wholeNumber } from './arguments.js';
import { examples } from './options.js';
import { report } from './query-commands.js';
import { apiOf, type CommonOptions, type Session } from './session.js';
import { table } from './table.js';

interface StockItem {
  readonly sku: string;
  readonly onHand: number;
  readonly reserved: number;
}

/** Adds `stock` and `stock set`. */
export function addStockCommands(program: Command, session: Session): void {
  const stock = program
    .command('stock')
    .summary('show the stock, or set what is on hand')
    .description(
      'show the stock of all items that were ever asked for, or of one.\nAn item nobody has set has 1,000 on hand in the sandbox.',
    )
    .argument('[sku]', 'one item')
    .enablePositionalOptions();
  examples(stock, ['stock', 'stock A-1', 'stock set A-1 250']);
  stock.action(async (sku: string | undefined) => {
    const options = stock.optsWithGlobals<CommonOptions>();
    const items = await stockOf(apiOf(session, options), sku);
    report(session, options, items, () => stockLines(items, session));
  });

  const set = stock
    .command('set')
    .summary('set what is on hand of an item')
    .description('set what is on hand of an item.')
    .argument('<sku>', 'the item')
    .argument('<onHand>', 'how many there are, reserved ones included', wholeNumber);
  examples(set, ['stock set A-1 250']);
  set.action(async (sku: string, onHand: number) => {
    const options = set.optsWithGlobals<CommonOptions>();
    const item = await apiOf(session, options).put<StockItem>(at`/v1/stock/${sku}`, { onHand });
    report(session, options, item, () => stockLines([item], session));
  });
}

async function stockOf(api: Api, sku: string | undefined): Promise<readonly StockItem[]> {
  const { data } = await api.get<{ readonly data: readonly StockItem[] }>('/v1/stock', { sku });
  return data;
}

function stockLines(items: readonly StockItem[], { terminal: { paint } }: Session): readonly string[] {
  if (items.length === 0) return ['nothing was ever asked for'];
  const rows = items.map(({ sku, onHand, reserved }) => [
    sku,
    String(onHand),
    String(reserved),
    String(onHand - reserved),
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
