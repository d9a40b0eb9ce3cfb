import { asyncLocalStorage } from '@temporalio/activity';
import type { Db } from 'mongodb';
import { keysOfDatabase } from '../src/access/persons/stores.js';
import { deduct, release, reserve, restock } from '../src/effects/inventory/inventory.js';
import { openingMethods } from '../src/effects/payments/opening.js';
import type { PaymentProvider } from '../src/effects/payments/payments.js';
import { sandboxPayments } from '../src/effects/payments/sandbox-payments.js';
import { endpointLog } from '../src/endpoint/endpoint-log.js';
import { createLogActivities } from '../src/log/journal/log-activities.js';
import { createRecorder } from '../src/log/journal/recording.js';
import { createStepTally, type StepTally } from '../src/log/journal/step-tally.js';
import type { LogActivities, ResumptionActivities } from '../src/log/workflow/messages.js';
import { type EffectOf, type EffectType, orderOf, type OutcomeOf, versionOf } from '../src/order/effects.js';
import { orderLog, type Step, type Steps } from '../src/order-log.js';

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
 * a gap up to the event that made the effect owed. They are idempotent and retried until they
 * succeed. Errors are outages, except `EventFork` and `Superseded` (see `appendToJournal`), which
 * are not retried.
 */
export function createActivities({
  db,
  payments: provider = sandboxPayments(db),
  tally = createStepTally(),
}: ActivityDeps): Steps & ResumptionActivities {
  const recorder = createRecorder(orderLog, db);
  const payments = openingMethods(keysOfDatabase(db), provider);
  /** by the name of the entity, which is its workflow type */
  const byEntity: Readonly<Record<string, LogActivities & ResumptionActivities>> = {
    [orderLog.entity.name]: createLogActivities(orderLog, { db, tally, recorder }),
    [endpointLog.entity.name]: createLogActivities(endpointLog, { db, tally }),
  };
  /** Those of the entity whose workflow runs the activity; outside of an activity, those of orders. */
  const current = () => {
    const name = asyncLocalStorage.getStore()?.info.workflowType ?? orderLog.entity.name;
    const found = byEntity[name];
    if (found === undefined) throw new TypeError(`No activities are here for the entity ${name}.`);
    return found;
  };
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
    record: async (asked) => await current().record(asked),
    recall: async (asked) => await current().recall(asked),
    loadLog: async (asked) => await current().loadLog(asked),
    claimResumption: async (asked) => await current().claimResumption(asked),
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
