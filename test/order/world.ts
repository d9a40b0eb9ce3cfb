import assert from 'node:assert/strict';
import type { LineQuantity, PaymentFact } from '../../src/order/commands.js';
import type { Effect, EffectOf, EffectType, Outcome, Outcomes } from '../../src/order/effects.js';
import { unreachable } from '../../src/order/unreachable.js';

/**
 * The world outside one order: an inventory that refuses to go below zero, a payment provider that
 * refuses to over-capture and over-refund, and carriers that refuse a second label for a shipment.
 * A request that one of them refuses is a bug of the domain, and throws. Like the real ones, the
 * world performs an effect once per key.
 */
export class World {
  readonly inventory = new Inventory();
  readonly provider = new Provider();
  readonly carriers = new Carriers();
  private readonly answers = new Map<string, { readonly effect: Effect; readonly outcome: Outcome }>();

  /** @param choice which of the possible answers is given: from 0 (all goes well) to 99 */
  perform(effect: Effect, choice: number): Outcome {
    const known = this.answers.get(effect.key);
    if (known !== undefined) return known.outcome;
    const outcome = this.answer(effect, choice);
    this.answers.set(effect.key, { effect, outcome });
    return outcome;
  }

  /** Every performed effect, with its outcome. */
  performed(): readonly { readonly effect: Effect; readonly outcome: Outcome }[] {
    return [...this.answers.values()];
  }

  private answer(effect: Effect, choice: number): Outcomes[EffectType] {
    switch (effect.type) {
      case 'reserve':
        return this.inventory.reserve(effect.lines, choice < 80);
      case 'release':
        return this.inventory.release(effect.lines);
      case 'deduct':
        return this.inventory.deduct(effect.lines);
      case 'restock':
        return this.inventory.restock(effect.lines);
      case 'authorize':
        return this.provider.authorize(effect.key, effect.amount, choice);
      case 'capture':
        return this.provider.capture(effect.key, effect.authorizationId, effect.amount, choice);
      case 'void':
        return this.provider.void(effect.authorizationId, choice);
      case 'refund':
        return this.provider.refund(effect.captureId, effect.amount);
      case 'book':
        return this.carriers.book(effect, choice);
      default:
        return unreachable(effect);
    }
  }
}

/** The order's part of the stock: reserved units, and units sent to the customer. */
class Inventory {
  readonly reserved = new Map<string, number>();
  private readonly gone = new Map<string, number>();

  reserve(lines: readonly LineQuantity[], available: boolean): Outcomes['reserve'] {
    for (const { quantity } of lines) assert.ok(quantity > 0, 'reserves nothing');
    if (!available) {
      const missing = lines.map(({ sku, quantity }) => ({
        sku,
        requested: quantity,
        available: quantity - 1,
      }));
      return { type: 'out_of_stock', missing };
    }
    for (const { sku, quantity } of lines) add(this.reserved, sku, quantity);
    return { type: 'reserved' };
  }

  release(lines: readonly LineQuantity[]): Outcomes['release'] {
    for (const { sku, quantity } of lines) add(this.reserved, sku, -quantity);
    return { type: 'done' };
  }

  deduct(lines: readonly LineQuantity[]): Outcomes['deduct'] {
    for (const { sku, quantity } of lines) {
      add(this.reserved, sku, -quantity);
      add(this.gone, sku, quantity);
    }
    return { type: 'done' };
  }

  restock(lines: readonly LineQuantity[]): Outcomes['restock'] {
    for (const { sku, quantity } of lines) add(this.gone, sku, -quantity);
    return { type: 'done' };
  }
}

function add(stock: Map<string, number>, sku: string, quantity: number): void {
  assert.notEqual(quantity, 0, `moves none of ${sku}`);
  const left = (stock.get(sku) ?? 0) + quantity;
  assert.ok(left >= 0, `${sku} would go below zero: ${left}`);
  if (left === 0) stock.delete(sku);
  else stock.set(sku, left);
}

export interface Payment {
  readonly authorizationId: string;
  readonly reference: string;
  readonly amount: number;
  captured: number;
  status: 'pending' | 'authorized' | 'declined' | 'voided' | 'expired';
  /** what the provider reported by webhook; absent before it did */
  fact?: PaymentFact;
}

class Provider {
  readonly payments = new Map<string, Payment>();
  readonly captures = new Map<string, { readonly amount: number; refunded: number }>();

  authorize(reference: string, amount: number, choice: number): Outcomes['authorize'] {
    assert.ok(amount > 0, 'authorizes nothing');
    if (choice >= 85) return { type: 'declined', code: 'declined' };
    const authorizationId = `pay-${reference}`;
    const status = choice < 55 ? 'authorized' : 'pending';
    this.payments.set(authorizationId, { authorizationId, reference, amount, captured: 0, status });
    return { type: status, authorizationId };
  }

  /** Settles a pending payment. The outcome is chosen once; repeated calls report the same one. */
  webhook(payment: Payment, choice: number): PaymentFact | undefined {
    if (payment.fact === undefined && payment.status === 'pending') {
      const { reference, authorizationId } = payment;
      const outcome = choice < 60 ? 'authorized' : 'declined';
      payment.status = outcome;
      payment.fact = { reference, authorizationId, outcome, ...(choice < 80 ? {} : { code: 'no_funds' }) };
    }
    return payment.fact;
  }

  capture(key: string, authorizationId: string, amount: number, choice: number): Outcomes['capture'] {
    const payment = this.payment(authorizationId);
    assert.ok(['authorized', 'expired'].includes(payment.status), `captures what is ${payment.status}`);
    assert.ok(amount > 0 && payment.captured + amount <= payment.amount, 'captures more than is authorized');
    if (payment.status === 'expired' || choice >= 90) {
      payment.status = 'expired';
      return { type: 'expired' };
    }
    if (choice >= 65) return { type: 'declined', code: 'no_funds' };
    payment.captured += amount;
    this.captures.set(`cap-${key}`, { amount, refunded: 0 });
    return { type: 'captured', captureId: `cap-${key}` };
  }

  void(authorizationId: string, choice: number): Outcomes['void'] {
    const payment = this.payment(authorizationId);
    assert.notEqual(payment.status, 'voided', 'voids twice');
    assert.ok(payment.captured < payment.amount, 'voids what is captured');
    payment.status = choice < 80 ? 'voided' : 'expired';
    return { type: payment.status };
  }

  refund(captureId: string, amount: number): Outcomes['refund'] {
    const capture = this.captures.get(captureId);
    assert.ok(capture !== undefined, `refunds the unknown ${captureId}`);
    assert.ok(amount > 0 && capture.refunded + amount <= capture.amount, 'refunds more than is captured');
    capture.refunded += amount;
    return { type: 'refunded' };
  }

  private payment(authorizationId: string): Payment {
    const payment = this.payments.get(authorizationId);
    assert.ok(payment !== undefined, `${authorizationId} is unknown`);
    return payment;
  }
}

class Carriers {
  /** the keys of the booked labels, by shipment */
  readonly booked = new Map<string, string>();

  book({ shipmentId, key, carrier = 'any' }: EffectOf<'book'>, choice: number): Outcomes['book'] {
    if (choice >= 60) return { type: 'refused', code: 'address_not_served' };
    assert.ok(!this.booked.has(shipmentId), `books a second label for ${shipmentId}`);
    this.booked.set(shipmentId, key);
    return { type: 'booked', carrier, trackingNumber: key };
  }
}
