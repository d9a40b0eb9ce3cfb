import type { Step, Steps } from '../src/order-log.js';
import { asyncLocalStorage } from '@temporalio/activity';
import type { Db } from 'mongodb';
import { keysOfDatabase } from '../src/access/persons/stores.js';
import { endpoints } from '../src/endpoint/endpoint.js';
import { recordEntity } from '../src/log/journal/record-entity.js';
import { type EffectOf, type EffectType, orderOf, type OutcomeOf, versionOf } from '../src/order/effects.js';
import { orders } from '../src/order/entity.js';
import { recallCommands } from '../src/log/journal/command-memory.js';
import type { ResumptionActivities } from '../src/log/workflow/messages.js';
import { deduct, release, reserve, restock } from '../src/effects/inventory/inventory.js';
import { openingMethods } from '../src/effects/payments/opening.js';
import type { PaymentProvider } from '../src/effects/payments/payments.js';
import { createRecorder } from '../src/log/journal/recording.js';
import { createResumptionActivities } from '../src/log/journal/resumption-activities.js';
import { sandboxPayments } from '../src/effects/payments/sandbox-payments.js';
import { createStepTally, type StepTally } from '../src/log/journal/step-tally.js';

export interface ActivityDeps {
  readonly db: Db;
  /** the sandbox by default */
  readonly payments?: PaymentProvider;
  /** counts steps that are not recorded yet */
  readonly tally?: StepTally;
}

/**
 * The activities of orders, and of endpoints, which have no effects. Each records the events of its
 * step. Then it performs the step's effect, provided that the journal holds the order's log without
 * a gap up to the event that made the effect owed. They are idempotent and retried until they succeed. Errors are outages, except
 * `EventFork` and `Superseded` (see `appendToJournal`), which are not retried.
 */
export function createActivities({
  db,
  payments: provider = sandboxPayments(db),
  tally = createStepTally(),
}: ActivityDeps): Steps & ResumptionActivities {
  const recorder = createRecorder(db);
  const payments = openingMethods(keysOfDatabase(db), provider);
  function step<T extends EffectType>(type: T, perform: (effect: EffectOf<T>) => Promise<OutcomeOf<T>>) {
    return async ({ events, effect, resumption }: Step<T>): Promise<OutcomeOf<T>> => {
      if (effect === undefined)
        throw new TypeError('A step without an effect has to use the activity `record`.');
      return await tally.attempt(type, async () => {
        await tally.recording(events, () =>
          recorder.recordUpTo(orderOf(effect.key), versionOf(effect.key), events, resumption),
        );
        return await perform(effect);
      });
    };
  }
  return {
    ...createResumptionActivities(db, () => (isOfEndpoint() ? endpoints : orders)),
    record: async ({ events, resumption }) =>
      await tally.attempt('record', () =>
        tally.recording(events, () =>
          isOfEndpoint()
            ? recordEntity(db, endpoints, events, resumption)
            : recorder.record(events, resumption),
        ),
      ),
    recall: async ({ orderId, commandIds, upTo }) =>
      isOfEndpoint()
        ? await recallCommands(db, endpoints, orderId, commandIds, upTo)
        : await recallCommands(db, orders, orderId, commandIds, upTo),
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

/** True if an endpoint's workflow runs the activity. Outside of an activity it is false. */
function isOfEndpoint(): boolean {
  return asyncLocalStorage.getStore()?.info.workflowType === endpoints.name;
}
