import { Context, getClient } from '@temporalio/activity';
import type { Db } from 'mongodb';
import type { KeyStore } from '../sealing/key-store/key-store.js';
import { batches } from '../concurrency/async-iterables.js';
import { commandIdOf } from '../log/workflow/command-id.js';
import type { ForgetPerson } from '../order/commands.js';
import { signCertificate } from './certificate.js';
import type { Databases } from '../databases.js';
import { findOpenOrders, ordersOf } from './customer-orders.js';
import { needsForgetting } from './needs-forgetting.js';
import { type ForgetMessage, forgetInOrder } from './forget-order.js';
import { storeStatus } from './forgettings.js';
import { keysOfCustomer } from './customer-keys.js';
import type { Forgetting, ForgettingActivities } from './messages.js';
import { clearAndInspect } from './inspection.js';

export interface ForgettingDeps {
  readonly db: Db;
  readonly keyStore: KeyStore;
  /** the task queue of the order workflows */
  readonly taskQueue: string;
}

const CONCURRENCY = 8;

/** The activities of `forgetPerson`. */
export function createForgetting({ db, keyStore, taskQueue }: ForgettingDeps): ForgettingActivities {
  const databasesNow = (): Databases => ({ client: getClient(), db, taskQueue });
  const heartbeat = () => Context.current().heartbeat();
  return {
    async findOpenOrders({ forgetting, keys }) {
      await storeStatus(db, forgetting, 'forgetting');
      return await findOpenOrders(databasesNow(), forgetting.customerId, keys, heartbeat);
    },
    async noteForgetting({ forgetting, status, open }) {
      await storeStatus(db, forgetting, status, { open });
    },
    async retireKeys({ customerId }) {
      const named = await keysOfCustomer(databasesNow(), customerId, heartbeat);
      return (await keyStore.retire(customerId, [...named.keys()])).toSorted();
    },
    async destroyKeys({ forgetting: { customerId, reason, actor, requestedAt: at }, keys }) {
      await keyStore.destroy({ customerId, keyIds: keys, why: { reason, actor, at } });
    },
    async forgetInOrders({ forgetting, keys }) {
      const databases = databasesNow();
      const message = forgetMessage(forgetting, keys);
      const concerned = async function* () {
        for await (const order of ordersOf(databases, forgetting.customerId)) {
          heartbeat();
          if (await needsForgetting(db, order, keys)) yield order;
        }
      };
      for await (const orders of batches(concerned(), CONCURRENCY))
        await Promise.all(orders.map((order) => forgetInOrder(databases, order, message)));
    },
    async certify({ forgetting, keys }) {
      const { id, customerId, reason, lawfulBasis, actor, onBehalfOf, requestedAt } = forgetting;
      const inspection = await clearAndInspect({
        databases: databasesNow(),
        keyStore,
        customerId,
        keys,
        heartbeat,
      });
      const certificate = signCertificate(
        {
          forgettingId: id,
          customerId,
          reason,
          ...(lawfulBasis !== undefined && { lawfulBasis }),
          actor,
          ...(onBehalfOf !== undefined && { onBehalfOf }),
          requestedAt,
          forgottenAt: new Date().toISOString(),
          keys,
          ...inspection,
        },
        await keyStore.signingKey(),
      );
      await storeStatus(db, forgetting, 'forgotten', { certificate });
    },
  };
}

function forgetMessage(
  { id, customerId, reason, lawfulBasis, hash, correlationId, actor, onBehalfOf }: Forgetting,
  keys: readonly string[],
): ForgetMessage {
  const data: ForgetPerson['data'] = {
    customerId,
    keys,
    reason,
    ...(lawfulBasis !== undefined && { lawfulBasis }),
  };
  return {
    data,
    commandId: commandIdOf('system', `forget.${id}`),
    hash,
    correlationId,
    actor,
    ...(onBehalfOf !== undefined && { onBehalfOf }),
    requestId: id,
  };
}
