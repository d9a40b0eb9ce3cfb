import type { EffectOf, EffectType, OutcomeOf } from '../order/effects.js';
import { messageOf } from '../outages/message-of.js';
import { expectedOf, outcomeIn, hasType, shapeOf } from './answers.js';
import type { LabelProvider } from './carriers/plain-receivers.js';
import { createGate } from './gate.js';
import type { InventoryProvider } from './inventory/port.js';
import type { StockEffect } from './inventory/stock.js';
import type { PaymentProvider, PaymentType } from './payments/port.js';
import type { CallOptions, Provider } from './port.js';

/**
 * Functions that perform effects. Each throws if there is no business answer; then the effect stays
 * owed. If `mayHaveBeenTried`, the key is looked up first. Otherwise a call may still repeat a call
 * of an earlier run of the workflow, but the idempotency key makes that harmless.
 */
export type EffectFunctions<T extends EffectType> = {
  readonly [K in T]: (effect: EffectOf<K>, mayHaveBeenTried: boolean) => Promise<OutcomeOf<K>>;
};

/** There is no business answer. The effect is looked up before it is tried again. */
export class OutcomeUnknown extends Error {
  override readonly name = 'OutcomeUnknown';
}

export function paymentEffects(provider: Provider<PaymentProvider>): EffectFunctions<PaymentType> {
  const of = functionsOf<PaymentType>(provider);
  return { authorize: of('authorize'), capture: of('capture'), void: of('void'), refund: of('refund') };
}

export function inventoryEffects(provider: Provider<InventoryProvider>): EffectFunctions<StockEffect> {
  const of = functionsOf<StockEffect>(provider);
  return { reserve: of('reserve'), release: of('release'), deduct: of('deduct'), restock: of('restock') };
}

export function carrierEffects(provider: Provider<LabelProvider>): EffectFunctions<'book'> {
  return { book: functionsOf<'book'>(provider)('book') };
}

/** The part of a port that performs effects: a function for each type. */
type EffectPort<T extends EffectType> = {
  readonly [K in T]: (effect: EffectOf<K>, options: CallOptions) => Promise<unknown>;
};

function functionsOf<T extends EffectType>(provider: Provider<EffectPort<T> & AnyPort>) {
  const port: EffectPort<T> = provider.port;
  const call = createCall(provider);
  return <K extends T>(type: K): EffectFunctions<T>[K] =>
    (effect, mayHaveBeenTried) =>
      call(type, effect.key, (options) => port[type](effect, options), mayHaveBeenTried);
}

/** Maximum length of an error's text, because Temporal stores it with the failed activity. */
const MAX_PROBLEM_LENGTH = 500;

interface AnyPort {
  lookUp(key: string, options: CallOptions): Promise<unknown>;
}

/**
 * Creates the function that performs effects. It looks the key up if the effect may have been tried
 * before, and calls the provider only if nothing took effect under the key. An answer that is not
 * an outcome of the effect never counts as one.
 */
function createCall({ name, port, limits }: Provider<AnyPort>) {
  const gate = createGate(name, limits);

  async function ask(what: string, call: () => Promise<unknown>): Promise<unknown> {
    try {
      return await call();
    } catch (error) {
      // The error has no `cause`: a module may have put anything into it, and Temporal would keep
      // it.
      throw new OutcomeUnknown(`${name}: ${what} failed: ${messageOf(error).slice(0, MAX_PROBLEM_LENGTH)}`);
    }
  }

  function outcome<T extends EffectType>(type: T, answer: unknown, asked: string): OutcomeOf<T> {
    if (hasType(answer, 'unknown'))
      throw new OutcomeUnknown(`${name}: ${asked}: the outcome is not known yet`);
    const found = outcomeIn(type, answer);
    if (found !== undefined) return found;
    throw new OutcomeUnknown(`${name}: ${asked} answered ${shapeOf(answer)}: expected ${expectedOf(type)}`);
  }

  return async <T extends EffectType>(
    type: T,
    key: string,
    make: (options: CallOptions) => Promise<unknown>,
    mayHaveBeenTried: boolean,
  ): Promise<OutcomeOf<T>> =>
    await gate.call(key, async (signal) => {
      if (mayHaveBeenTried) {
        const known = await ask('lookUp', () => port.lookUp(key, { signal }));
        if (!hasType(known, 'none')) return outcome(type, known, 'lookUp');
        // After the timeout, another attempt may have begun, so this one makes no further call.
        signal.throwIfAborted();
      }
      return outcome(type, await ask(type, () => make({ signal })), type);
    });
}
