// An example of a custom inventory: `INVENTORY=<path of this file>`. Its ledger is a file,
// EXAMPLE_STOCK, which stands for another company's system. See docs/guides/own-provider.md.
import { open, readFile } from 'node:fs/promises';

/**
 * @import { InventoryModule } from '../../../src/effects/inventory/port.js'
 * @import { StockEffect } from '../../../src/effects/inventory/stock.js'
 * @import { EffectOf, OutcomeOf } from '../../../src/order/effects.js'
 */
/** @typedef {EffectOf<StockEffect>} Request */
/** @typedef {OutcomeOf<StockEffect>} Outcome */
/** @typedef {Map<string, { onHand: number, reserved: number }>} Units */
/** @typedef {{ request: Request } | { count: { sku: string, onHand: number } }} Line */

const path = process.env['EXAMPLE_STOCK'];
if (path === undefined) throw new Error('EXAMPLE_STOCK is missing: the path of its ledger');
/** Units on hand of a SKU that was never counted. */
const UNCOUNTED = 1_000;

export const limits = { concurrency: 20, timeoutMs: 3_000 };

/** @type {InventoryModule['reserve']} */
export const reserve = async (request) => /** @type {OutcomeOf<'reserve'>} */ (await answer(request));

/** @type {InventoryModule['release']} */
export const release = async (request) => /** @type {OutcomeOf<'release'>} */ (await answer(request));

/** @type {InventoryModule['deduct']} */
export const deduct = async (request) => /** @type {OutcomeOf<'deduct'>} */ (await answer(request));

/** @type {InventoryModule['restock']} */
export const restock = async (request) => /** @type {OutcomeOf<'restock'>} */ (await answer(request));

/** @type {InventoryModule['lookUp']} */
export async function lookUp(key) {
  return (await readLedger()).answers.get(key)?.outcome ?? { type: 'none' };
}

/** @type {NonNullable<InventoryModule['stockUp']>} */
export async function stockUp(sku, onHand) {
  await write({ count: { sku, onHand } });
}

/** @type {NonNullable<InventoryModule['stock']>} */
export const stock = async (sku) => of((await readLedger()).stock, sku);

/**
 * The ledger is a list of requests and counts. The first request with a key counts, and its outcome
 * follows from the lines before it. A line is written as a whole or not at all, so a crash leaves
 * no half of a movement.
 *
 * @param {Request} request
 */
async function answer(request) {
  await write({ request });
  const found = (await readLedger()).answers.get(request.key);
  if (found === undefined) throw new Error(`The ledger does not have ${request.key}.`);
  if (JSON.stringify(found.request) !== JSON.stringify(request))
    throw new Error(`The key ${request.key} was used with other parameters.`);
  return found.outcome;
}

/** @param {Line} line */
async function write(line) {
  const file = await open(/** @type {string} */ (path), 'a');
  try {
    await file.appendFile(`${JSON.stringify(line)}\n`);
    await file.datasync();
  } finally {
    await file.close();
  }
}

async function readLedger() {
  const text = await readFile(/** @type {string} */ (path), 'utf8').catch(() => '');
  /** @type {Map<string, { request: Request, outcome: Outcome }>} */
  const answers = new Map();
  /** @type {Units} */
  const units = new Map();
  for (const written of text.split('\n').slice(0, -1)) {
    /** @type {Line} */
    const line = JSON.parse(written);
    if ('count' in line) of(units, line.count.sku).onHand = line.count.onHand;
    else if (!answers.has(line.request.key))
      answers.set(line.request.key, { request: line.request, outcome: perform(units, line.request) });
  }
  return { answers, stock: units };
}

/**
 * @param {Units} units
 * @param {string} sku
 */
function of(units, sku) {
  const found = units.get(sku) ?? { onHand: UNCOUNTED, reserved: 0 };
  units.set(sku, found);
  return found;
}

/**
 * For each SKU, reserved ≤ on hand. A reservation takes all of its lines or none.
 *
 * @param {Units} units
 * @param {Request} request
 * @returns {Outcome}
 */
function perform(units, { type, lines }) {
  if (type === 'reserve') {
    const missing = lines.flatMap(({ sku, quantity }) => {
      const { onHand, reserved } = of(units, sku);
      const available = onHand - reserved;
      return quantity > available ? [{ sku, requested: quantity, available }] : [];
    });
    if (missing.length > 0) return { type: 'out_of_stock', missing };
  }
  for (const { sku, quantity } of lines) {
    const item = of(units, sku);
    if (type === 'reserve') item.reserved += quantity;
    if (type === 'release' || type === 'deduct') item.reserved -= quantity;
    if (type === 'deduct') item.onHand -= quantity;
    if (type === 'restock') item.onHand += quantity;
  }
  return type === 'reserve' ? { type: 'reserved' } : { type: 'done' };
}
