import type { Address, LineQuantity } from './commands.js';
import type { MissingStock } from './events.js';
import { formatMoney } from './money.js';
import { unreachable } from './unreachable.js';
import type { Effect as AnyEffect } from '../log/entity.js';

/**
 * A change outside that an order owes. An order owes at most one `book` for each shipment, and at
 * most one effect of any other type. The next effect of a type becomes owed when the one before is
 * settled.
 */
export type Effect = { [T in EffectType]: AnyEffect & { readonly type: T } & EffectData[T] }[EffectType];

/** An effect as the order's state keeps it. */
export type OwedEffect = Effect & {
  /** when it became owed, ISO-8601 UTC; absent in states that are older than this field */
  readonly since?: string;
};

/** An effect before it is owed: it has no key yet. */
export type WantedEffect = { [T in EffectType]: { readonly type: T } & EffectData[T] }[EffectType];

export interface EffectData {
  reserve: { readonly lines: readonly LineQuantity[] };
  release: { readonly lines: readonly LineQuantity[] };
  /** The goods of a dispatched shipment leave the stock. */
  deduct: { readonly shipmentId: string; readonly lines: readonly LineQuantity[] };
  restock: { readonly returnId: string; readonly lines: readonly LineQuantity[] };
  /** `ttl`: for how many milliseconds the authorization can be captured. */
  authorize: Charge & { readonly method: string; readonly ttl: number };
  capture: Charge & { readonly authorizationId: string; readonly shipmentId: string };
  void: { readonly authorizationId: string };
  refund: Charge & { readonly captureId: string; readonly refundId: string };
  /**
   * Books the label of a shipment. The names and the address are copied from the order, where they
   * may be sealed.
   */
  book: {
    readonly shipmentId: string;
    readonly carrier?: string;
    readonly lines: readonly (LineQuantity & { readonly name?: string })[];
    readonly customer: { readonly name: string };
    readonly shippingAddress: Address;
  };
}

interface Charge {
  /** minor units */
  readonly amount: number;
  readonly currency: string;
}

export type EffectType = keyof EffectData;
export type EffectOf<T extends EffectType> = Extract<Effect, { type: T }>;

/**
 * The outcomes of each effect. They are business answers only: after a technical failure the effect
 * is retried.
 */
export interface Outcomes {
  reserve:
    | { readonly type: 'reserved' }
    | { readonly type: 'out_of_stock'; readonly missing: readonly MissingStock[] };
  release: Done;
  deduct: Done;
  restock: Done;
  authorize:
    | { readonly type: 'authorized'; readonly authorizationId: string }
    | { readonly type: 'pending'; readonly authorizationId: string }
    | { readonly type: 'declined'; readonly code: string };
  capture:
    | { readonly type: 'captured'; readonly captureId: string }
    | { readonly type: 'declined'; readonly code: string }
    | { readonly type: 'expired' };
  void: { readonly type: 'voided' } | { readonly type: 'expired' };
  refund: { readonly type: 'refunded' };
  book:
    | ({ readonly type: 'booked'; readonly labelUrl?: string } & Parcel)
    | { readonly type: 'refused'; readonly code: string };
}

/** What identifies a parcel at its carrier. */
export interface Parcel {
  readonly carrier: string;
  readonly trackingNumber: string;
}

interface Done {
  readonly type: 'done';
}

export type OutcomeOf<T extends EffectType> = Outcomes[T];
export type Outcome = Outcomes[EffectType];

/** An effect with its outcome. */
export type Settlement = {
  [T in EffectType]: { readonly effect: EffectOf<T>; readonly outcome: Outcomes[T] };
}[EffectType];

/** An effect in a few words: `authorize EUR 39.98`. */
export function effectSummary(effect: Effect): string {
  switch (effect.type) {
    case 'authorize':
    case 'capture':
    case 'refund':
      return `${effect.type} ${formatMoney(effect.amount, effect.currency)}`;
    case 'reserve':
    case 'release':
    case 'deduct':
    case 'restock':
      return `${effect.type} ${effect.lines.map(({ sku, quantity }) => `${quantity} × ${sku}`).join(', ')}`;
    case 'void':
      return `void ${effect.authorizationId}`;
    case 'book':
      return `book ${effect.shipmentId}${effect.carrier === undefined ? '' : ` with ${effect.carrier}`}`;
    default:
      return unreachable(effect);
  }
}
