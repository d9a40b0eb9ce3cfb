import type { LineQuantity } from './commands.js';
import type { MissingStock } from './events.js';

/**
 * What an order can owe the world. `key` is the idempotency key outside: `<orderId>:<type>:<version that made it owed>`.
 * An order owes at most one effect of each type at a time; the next of that type is owed when the one before is settled.
 */
export type Effect = { [T in EffectType]: Owed & { readonly type: T } & EffectData[T] }[EffectType];

interface Owed {
  readonly key: string;
  /** of the event that made it owed */
  readonly correlationId: string;
}

/** An effect in the state of its order. */
export type OwedEffect = Effect & {
  /** when it became owed, ISO-8601 UTC; absent in a state that was handed on before this was kept */
  readonly since?: string;
};

/** The order that an effect's key belongs to. */
export function orderOf(key: string): string {
  return key.split(':').slice(0, -2).join(':');
}

/** The version of the event that made the effect of this key owed. */
export function versionOf(key: string): number {
  return Number(key.slice(key.lastIndexOf(':') + 1));
}

/** An effect that has no key yet. */
export type WantedEffect = { [T in EffectType]: { readonly type: T } & EffectData[T] }[EffectType];

export interface EffectData {
  reserve: { readonly lines: readonly LineQuantity[] };
  release: { readonly lines: readonly LineQuantity[] };
  /** The goods of a dispatched shipment leave the stock. */
  deduct: { readonly shipmentId: string; readonly lines: readonly LineQuantity[] };
  restock: { readonly returnId: string; readonly lines: readonly LineQuantity[] };
  /** `ttl`: milliseconds the authorization shall be capturable. */
  authorize: Charge & { readonly method: string; readonly ttl: number };
  capture: Charge & { readonly authorizationId: string; readonly shipmentId: string };
  void: { readonly authorizationId: string };
  refund: Charge & { readonly captureId: string; readonly refundId: string };
}

interface Charge {
  /** minor units */
  readonly amount: number;
  readonly currency: string;
}

export type EffectType = keyof EffectData;
export type EffectOf<T extends EffectType> = Extract<Effect, { type: T }>;

/** What the world answered: always a business answer. A failure is no outcome, the effect is tried again. */
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
}

interface Done {
  readonly type: 'done';
}

export type OutcomeOf<T extends EffectType> = Outcomes[T];
export type Outcome = Outcomes[EffectType];

/** An effect together with what came of it. */
export type Settlement = {
  [T in EffectType]: { readonly effect: EffectOf<T>; readonly outcome: Outcomes[T] };
}[EffectType];
