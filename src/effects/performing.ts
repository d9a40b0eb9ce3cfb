import type { EffectOf, EffectType, OutcomeOf } from '../order/effects.js';
import { messageOf } from '../outages/message-of.js';
import { expectedOf, outcomeIn, saysType, shapeOf } from './answers.js';
import type { LabelProvider } from './carriers/opening.js';
import { createGate } from './gate.js';
import type { InventoryProvider } from './inventory/port.js';
import type { StockEffect } from './inventory/stock.js';
import type { PaymentProvider, PaymentType } from './payments/port.js';
import type { CallOptions, Limits } from './port.js';

/** A provider as steps use it. */
export interface Provider<P> {
  /** the name in messages: `payments (./my-provider.mjs)` */
  readonly name: string;
  readonly port: P;
  readonly limits: Limits;
}

/**
 * Performs effects. Each function throws if there is no business answer; then the effect stays
 * owed. `mayBeRepeated`: the key is looked up first, because the effect may have been tried before.
 * Without it, a call may still repeat one of an earlier run of the workflow; the idempotency key
 * makes that harmless.
 */
export type Performing<T extends EffectType> = {
  readonly [K in T]: (effect: EffectOf<K>, mayBeRepeated: boolean) => Promise<OutcomeOf<K>>;
};

/** There is no business answer. The effect is looked up before it is tried again. */
export class OutcomeUnknown extends Error {
  override readonly name = 'OutcomeUnknown';
}

export function performPayments(provider: Provider<PaymentProvider>): Performing<PaymentType> {
  const { port } = provider;
  const perform = performing(provider);
  return {
    authorize: (effect, again) =>
      perform('authorize', effect.key, (its) => port.authorize(effect, its), again),
    capture: (effect, again) => perform('capture', effect.key, (its) => port.capture(effect, its), again),
    void: (effect, again) => perform('void', effect.key, (its) => port.void(effect, its), again),
    refund: (effect, again) => perform('refund', effect.key, (its) => port.refund(effect, its), again),
  };
}

export function performInventory(provider: Provider<InventoryProvider>): Performing<StockEffect> {
  const { port } = provider;
  const perform = performing(provider);
  return {
    reserve: (effect, again) => perform('reserve', effect.key, (its) => port.reserve(effect, its), again),
    release: (effect, again) => perform('release', effect.key, (its) => port.release(effect, its), again),
    deduct: (effect, again) => perform('deduct', effect.key, (its) => port.deduct(effect, its), again),
    restock: (effect, again) => perform('restock', effect.key, (its) => port.restock(effect, its), again),
  };
}

export function performCarriers(provider: Provider<LabelProvider>): Performing<'book'> {
  const { port } = provider;
  const perform = performing(provider);
  return {
    book: (effect, again) => perform('book', effect.key, (its) => port.book(effect, its), again),
  };
}

/** Maximum length of an error's text, because Temporal stores it with the failed activity. */
const longestProblem = 500;

interface AnyPort {
  lookUp(key: string, options: CallOptions): Promise<unknown>;
}

/**
 * Looks up an effect that may have been tried before, and calls it only if nothing took effect
 * under its key. An answer that is no outcome of the effect never counts as one.
 */
function performing({ name, port, limits }: Provider<AnyPort>) {
  const gate = createGate(name, limits);

  async function ask(what: string, call: () => Promise<unknown>): Promise<unknown> {
    try {
      return await call();
    } catch (error) {
      // Without the `cause`: a module may have put anything into it, and Temporal would keep it.
      throw new OutcomeUnknown(`${name}: ${what} failed: ${messageOf(error).slice(0, longestProblem)}`);
    }
  }

  function outcome<T extends EffectType>(type: T, answer: unknown, asked: string): OutcomeOf<T> {
    if (saysType(answer, 'unknown'))
      throw new OutcomeUnknown(`${name}: ${asked}: the outcome is not known yet`);
    const found = outcomeIn(type, answer);
    if (found !== undefined) return found;
    throw new OutcomeUnknown(`${name}: ${asked} answered ${shapeOf(answer)}: expected ${expectedOf(type)}`);
  }

  return async <T extends EffectType>(
    type: T,
    key: string,
    call: (options: CallOptions) => Promise<unknown>,
    mayBeRepeated: boolean,
  ): Promise<OutcomeOf<T>> =>
    await gate.call(key, async (signal) => {
      if (mayBeRepeated) {
        const known = await ask('lookUp', () => port.lookUp(key, { signal }));
        if (!saysType(known, 'none')) return outcome(type, known, 'lookUp');
        // After the timeout, another attempt may have begun, so this one makes no further call.
        signal.throwIfAborted();
      }
      return outcome(type, await ask(type, () => call({ signal })), type);
    });
}
