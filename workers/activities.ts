import type { Step, Steps } from '../src/order-log.js';
import { asyncLocalStorage } from '@temporalio/activity';
import type { Db } from 'mongodb';
import { endpoints } from '../src/endpoint/endpoint.js';
import { recordEntity } from '../src/log/journal/record-entity.js';
import { type EffectOf, type EffectType, orderOf, type OutcomeOf, versionOf } from '../src/order/effects.js';
import { recallCommands } from '../src/log/journal/command-memory.js';
import type { ResumptionActivities } from '../src/log/workflow/messages.js';
import { deduct, release, reserve, restock } from '../src/effects/inventory/inventory.js';
import type { PaymentProvider } from '../src/effects/payments/payments.js';
import { createRecorder } from '../src/log/journal/recording.js';
import { createResuming } from '../src/log/journal/resuming.js';
import { sandboxPayments } from '../src/effects/payments/sandbox-payments.js';
import { createStepTally, type StepTally } from '../src/log/journal/step-tally.js';

export interface Outside {
  readonly db: Db;
  /** the sandbox by default */
  readonly payments?: PaymentProvider;
  /** counts what is not done yet */
  readonly tally?: StepTally;
}

/**
 * The activities of an order: each records the events of its step, then performs the step's effect, once the journal holds
 * the order's log without a gap up to the event that made the effect owed. All of them are idempotent, so a step is tried
 * until it is done; its errors are outages, except `EventFork` and `Superseded` (see `appendToJournal`).
 */
export function createActivities({
  db,
  payments = sandboxPayments(db),
  tally = createStepTally(),
}: Outside): Steps & ResumptionActivities {
  const recorder = createRecorder(db);
  function step<T extends EffectType>(type: T, perform: (effect: EffectOf<T>) => Promise<OutcomeOf<T>>) {
    return async ({ events, effect, resumption }: Step<T>): Promise<OutcomeOf<T>> => {
      if (effect === undefined) throw new TypeError('A step with nothing to perform is called `record`.');
      return await tally.tried(type, async () => {
        await tally.recording(events, () =>
          recorder.recordUpTo(orderOf(effect.key), versionOf(effect.key), events, resumption),
        );
        return await perform(effect);
      });
    };
  }
  return {
    ...createResuming(db),
    record: async ({ events, resumption }) =>
      await tally.tried('record', () =>
        tally.recording(events, () =>
          isOf(endpoints) ? recordEntity(db, endpoints, events) : recorder.record(events, resumption),
        ),
      ),
    recall: async ({ orderId, commandIds, upTo }) => await recallCommands(db, orderId, commandIds, upTo),
    reserve: step('reserve', (effect) => reserve(db, effect)),
    release: step('release', (effect) => release(db, effect)),
    deduct: step('deduct', (effect) => deduct(db, effect)),
    restock: step('restock', (effect) => restock(db, effect)),
    authorize: step('authorize', (effect) => payments.authorize(effect)),
    capture: step('capture', (effect) => payments.capture(effect)),
    void: step('void', (effect) => payments.void(effect)),
    refund: step('refund', (effect) => payments.refund(effect)),
  };
}

/** Whether the workflow that asks is one of this entity. A caller outside of an activity is an order's. */
function isOf({ name }: { readonly name: string }): boolean {
  return asyncLocalStorage.getStore()?.info.workflowType === name;
}
