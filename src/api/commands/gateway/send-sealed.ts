import { WorkflowNotFoundError } from '@temporalio/client';
import type { CustomerKey } from '../../../sealing/customer-key.js';
import { customerAttribute } from '../../../order/listing.js';
import type { FollowUpCommand } from '../../../order/commands.js';
import { workflowId } from '../../../order-log.js';
import type { CommandMeta } from '../../../log/gateway/message.js';
import { journalUnavailable } from '../../../log/gateway/outcome.js';
import { isMongoOutage, undefinedInOutage } from '../../../outages/mongo-outage.js';
import { withTimeout } from '../../../outages/timeout.js';
import type { CommandResult } from './gateway.js';
import type { GatewayContext } from './context.js';
import { keysUnavailable, notFound } from './refusals.js';
import { hasPersonalData, sealed } from './sealed-commands.js';
import { circuitBreaker } from './circuit-breaker.js';

export type Sealing = ReturnType<typeof createSealing>;

/** Finds the key of a command's customer, and sends the command sealed under it. */
export function createSealing(context: GatewayContext) {
  const { client, keyStore, logger, readJournal, customerInView, answerWithinMs, journalWithinMs, inTime } =
    context;
  const customerInViewIfUp = circuitBreaker(customerInView, journalWithinMs);

  /**
   * The key for new texts; undefined if the key store is unavailable and this process has no key
   * for the customer.
   */
  async function sealingKeyOf(
    customerId: string,
    { correlationId }: CommandMeta,
  ): Promise<CustomerKey | undefined> {
    try {
      return await keyStore.sealingKey(customerId);
    } catch (error) {
      if (!isMongoOutage(error)) throw error;
      logger.warn({ err: error, correlationId }, 'the key store does not answer');
      return undefined;
    }
  }

  /**
   * The key with this id, as a list. The list is empty if the key was destroyed.
   *
   * @returns undefined if the key store is unavailable, or lacks the key
   */
  async function keyNamed(keyId: string): Promise<readonly CustomerKey[] | undefined> {
    const found = await undefinedInOutage(withTimeout(answerWithinMs, keyStore.openingKey(keyId)));
    if (found === 'destroyed') return [];
    return found === undefined || found === 'unknown' ? undefined : [{ keyId, key: found }];
  }

  /**
   * The other keys of the customer; undefined while the key store is unavailable. A customer has
   * several keys if two processes each made one while the key store was unavailable. A command that
   * was sealed under one key may be sent again to the process that has the other key.
   */
  async function otherKeysOf(
    customerId: string,
    except: CustomerKey,
  ): Promise<readonly CustomerKey[] | undefined> {
    const read = async () => {
      const ids = (await keyStore.keysOf(customerId)).filter((keyId) => keyId !== except.keyId);
      const found = await Promise.all(
        ids.map(async (keyId) => ({ keyId, key: await keyStore.openingKey(keyId) })),
      );
      return found.flatMap(({ keyId, key }) => (typeof key === 'string' ? [] : [{ keyId, key }]));
    };
    return await undefinedInOutage(withTimeout(journalWithinMs, read()));
  }

  /**
   * Seals the personal data in a command, and sends it. If its idempotency key was used with
   * different content, the command may be a repetition that was sealed under another key of the
   * customer. So the command is sent again under each other key.
   */
  async function sendSealed(
    orderId: string,
    command: FollowUpCommand,
    meta: CommandMeta,
    ask: (command: FollowUpCommand) => Promise<CommandResult>,
    keyFor = (customerId: string) => sealingKeyOf(customerId, meta),
  ): Promise<CommandResult> {
    if (!hasPersonalData(command)) return await ask(command);
    let customerId: string | undefined;
    try {
      customerId = await customerOf(orderId);
    } catch (error) {
      if (!isMongoOutage(error)) throw error;
      return journalUnavailable();
    }
    if (customerId === undefined) return notFound(orderId);
    const key = await keyFor(customerId);
    if (key === undefined) return keysUnavailable();
    const { type, data } = command;
    const sealedUnder = (one: CustomerKey) =>
      // Sealing keeps the shape of the data.
      ({ type, data: sealed<object>({ orderId, type, data }, one) }) as FollowUpCommand;
    const result = await ask(sealedUnder(key));
    if (meta.fresh === true || !isKeyReused(result)) return result;
    const others = await otherKeysOf(customerId, key);
    if (others === undefined) return keysUnavailable();
    for (const other of others) {
      const again = await ask(sealedUnder(other));
      if (!isKeyReused(again)) return again;
    }
    return result;
  }

  /**
   * The id of an order's customer, which never changes.
   *
   * @returns undefined if there is no such order
   * @throws errors of Temporal; errors of MongoDB if neither the view nor Temporal has the id, and
   *   the journal cannot be read
   */
  async function customerOf(orderId: string): Promise<string | undefined> {
    const viewed = await customerInViewIfUp(orderId);
    if (viewed !== undefined) return viewed;
    try {
      const handle = client.workflow.getHandle(workflowId(orderId));
      const { searchAttributes: found } = await inTime(() => handle.describe());
      const [customerId] = found[customerAttribute] ?? [];
      if (customerId !== undefined) return String(customerId);
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError)) throw error;
    }
    const [first] = await withTimeout(answerWithinMs, readJournal(orderId, 1));
    return first?.type === 'OrderCreated' ? first.data.customer.id : undefined;
  }

  return { sealingKeyOf, keyNamed, otherKeysOf, sendSealed };
}

function isKeyReused(result: CommandResult): boolean {
  return result.kind === 'refused' && result.refusal.code === 'key_reused';
}
