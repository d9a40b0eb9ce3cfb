import type { Effect } from '../../order/effects.js';
import type { OrderEvent } from '../../order/events.js';
import { effectsOf, type LogPart } from '../proof/settled-effects.js';
import { done, isStockEffect, type StockEffect, type StockMovement } from './stock.js';

/** The movements that an order's log proves. */
export function movementsOf(log: LogPart): readonly StockMovement[] {
  const settled = effectsOf(log)?.settled ?? [];
  return settled.flatMap(({ effect, event }) => movementOf(effect, event) ?? []);
}

/** The movement that an effect's outcome event proves; undefined if the effect moves no goods. */
export function movementOf(effect: Effect, event: OrderEvent): StockMovement | undefined {
  const { causationId: _id, orderId, occurredAt: at } = event;
  if (!isStockEffect(effect)) return undefined;
  const movement = { _id, orderId, type: effect.type, lines: effect.lines, at };
  switch (event.type) {
    case 'StockReserved':
      return { ...movement, outcome: { type: 'reserved' } };
    case 'StockRefused':
      return { ...movement, outcome: { type: 'out_of_stock', missing: event.data.missing } };
    case 'StockReleased':
    case 'StockDeducted':
    case 'StockRestocked':
      return { ...movement, outcome: done };
    default:
      return undefined;
  }
}

/** What a movement changes of one SKU. */
export interface Change {
  readonly sku: string;
  readonly reserved: number;
  readonly onHand: number;
  readonly at: string;
}

/** What a movement changes, SKU by SKU. */
export function changesOf({ type, lines, outcome, at }: StockMovement): readonly Change[] {
  if (outcome.type === 'out_of_stock' || type === 'set') return [];
  const sign = signs[type];
  return lines.map(({ sku, quantity }) => ({
    sku,
    reserved: sign.reserved * quantity,
    onHand: sign.onHand * quantity,
    at,
  }));
}

/** What a movement changes for each unit moved. */
const signs: Readonly<Record<StockEffect | 'carried', { reserved: number; onHand: number }>> = {
  reserve: { reserved: 1, onHand: 0 },
  release: { reserved: -1, onHand: 0 },
  deduct: { reserved: -1, onHand: -1 },
  restock: { reserved: 0, onHand: 1 },
  carried: { reserved: 1, onHand: 0 },
};
