import { asyncLocalStorage, type Info } from '@temporalio/activity';
import type { Db } from 'mongodb';
import { keyStoreOf } from '../../src/sealing/key-store/key-store-of.js';
import { withPlainReceivers } from '../../src/effects/carriers/plain-receivers.js';
import type { CarrierProvider } from '../../src/effects/carriers/port.js';
import { sandboxCarriers } from '../../src/effects/carriers/sandbox-carriers.js';
import { stockInventory } from '../../src/effects/inventory/inventory.js';
import { withPlainMethods } from '../../src/effects/payments/plain-methods.js';
import { sandboxPayments } from '../../src/effects/payments/sandbox-payments.js';
import {
  carrierEffects,
  inventoryEffects,
  paymentEffects,
  type EffectFunctions,
} from '../../src/effects/performing.js';
import type { Limits, Provider } from '../../src/effects/port.js';
import type { Providers } from '../../src/effects/provider-modules.js';
import { createLogActivities } from '../../src/log/recording/log-activities.js';
import { orderIdInKey, versionInKey } from '../../src/log/entity.js';
import { createRecorder } from '../../src/log/recording/recording.js';
import { createStepMetrics, type StepMetrics } from '../../src/log/recording/step-metrics.js';
import type { ResumptionActivities } from '../../src/log/workflow/steps.js';
import { logs, ofAnyEntity } from '../../src/entity-logs.js';
import { orderLog, type Step, type Steps } from '../../src/order-log.js';
import type { EffectOf, EffectType, OutcomeOf } from '../../src/order/effects.js';

export interface ActivityDeps {
  readonly db: Db;
  /** the external systems; by default, the built-in ones */
  readonly providers?: Providers;
  /** counts steps that are not recorded yet */
  readonly stepMetrics?: StepMetrics;
}

const SANDBOX_LIMITS: Limits = { concurrency: 100, timeoutMs: 8_000 };
const SANDBOX_CARRIER_LIMITS: Limits = { concurrency: 20, timeoutMs: 8_000 };

/** The maximum number of calls to providers that are in flight or queued. */
export function slotsOfProviders({ payments, inventory, carriers }: Providers = {}): number {
  const limits = [
    payments?.limits ?? SANDBOX_LIMITS,
    inventory?.limits,
    carriers?.limits ?? SANDBOX_CARRIER_LIMITS,
  ];
  const inFlight = limits.reduce((sum, limit) => sum + (limit?.concurrency ?? 0), 0);
  // As many calls may wait in the queue of a provider as may be in flight (`CallQueue`).
  const queued = inFlight;
  return inFlight + queued;
}

/** The carriers of `providers`; those of the sandbox by default. */
export function carriersOf(db: Db, { carriers }: Providers = {}): Provider<CarrierProvider> {
  return (
    carriers ?? { name: 'carriers (sandbox)', port: sandboxCarriers(db), limits: SANDBOX_CARRIER_LIMITS }
  );
}

/**
 * The activities of all kinds of entities. An activity that is named after an effect first
 * records the events of its step. Then it performs the effect, provided that the journal holds the
 * order's log without a gap up to the event that made the effect owed. `record` only records
 * events. `recall` finds earlier commands, and `loadLog` and `claimResumption` resume an entity.
 * All are idempotent and retried until they succeed. Their errors are outages, except `EventFork`
 * and `Superseded` (see `appendToJournal`), which are not retried.
 */
export function createActivities({
  db,
  providers = {},
  stepMetrics = createStepMetrics(),
}: ActivityDeps): Steps & ResumptionActivities {
  const recorder = createRecorder(orderLog, db);
  const { name, port, limits } = providers.payments ?? {
    name: 'payments (sandbox)',
    port: sandboxPayments(db),
    limits: SANDBOX_LIMITS,
  };
  const keyStore = keyStoreOf(db);
  const payments = paymentEffects({ name, port: withPlainMethods(keyStore, port), limits });
  const provider = carriersOf(db, providers);
  const carriers = carrierEffects({ ...provider, port: withPlainReceivers(keyStore, provider.port) });
  // The built-in inventory shares the database that steps record in, so it needs no separate limit.
  const inventory = providers.inventory ? inventoryEffects(providers.inventory) : stockInventory(db);
  /** by the name of the entity, which is its workflow type */
  const byEntity = new Map(
    logs.map((log) => {
      const deps = { db, stepMetrics, ...(log === orderLog && { recorder }) };
      return [log.entity.name, createLogActivities(ofAnyEntity(log), deps)];
    }),
  );
  /**
   * The activities for the entity whose workflow runs the current activity. The workflow's type
   * names the entity, because the inputs of these activities do not, and stored histories keep
   * their inputs. Outside of an activity, these are the activities for orders.
   */
  const ofRunningEntity = () => {
    const entity = activityInfo()?.workflowType ?? orderLog.entity.name;
    const found = byEntity.get(entity);
    if (found === undefined) throw new TypeError(`No activities are here for the entity ${entity}.`);
    return found;
  };
  function step<T extends EffectType>(type: T, perform: EffectFunctions<T>[T]) {
    return async ({ events, effect, resumption }: Step<T>): Promise<OutcomeOf<T>> => {
      if (effect === undefined)
        throw new TypeError('A step without an effect has to use the activity `record`.');
      return await stepMetrics.attempt(type, async () => {
        await stepMetrics.recording(events, () =>
          recorder.recordUpTo(orderIdInKey(effect.key), versionInKey(effect.key), events, resumption),
        );
        const mayHaveBeenTried = (activityInfo()?.attempt ?? 1) > 1 || resumption !== undefined;
        return await perform(requestOf(effect), mayHaveBeenTried);
      });
    };
  }
  return {
    record: async (asked) => await ofRunningEntity().record(asked),
    recall: async (asked) => await ofRunningEntity().recall(asked),
    loadLog: async (asked) => await ofRunningEntity().loadLog(asked),
    claimResumption: async (asked) => await ofRunningEntity().claimResumption(asked),
    reserve: step('reserve', inventory.reserve),
    release: step('release', inventory.release),
    deduct: step('deduct', inventory.deduct),
    restock: step('restock', inventory.restock),
    authorize: step('authorize', payments.authorize),
    capture: step('capture', payments.capture),
    void: step('void', payments.void),
    refund: step('refund', payments.refund),
    book: step('book', carriers.book),
  };
}

/**
 * An effect as a provider gets it, without its trace id. A key must always have the same request,
 * and a retry by an older worker would send no trace id.
 */
function requestOf<T extends EffectType>(effect: EffectOf<T>): EffectOf<T> {
  const { traceId: _, ...request } = effect;
  return request as EffectOf<T>;
}

/**
 * Information about the current activity; undefined outside of an activity, where
 * `Context.current()` would throw.
 */
function activityInfo(): Info | undefined {
  return asyncLocalStorage.getStore()?.info;
}
