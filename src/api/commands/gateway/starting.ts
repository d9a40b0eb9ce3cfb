import { WorkflowExecutionAlreadyStartedError, WorkflowNotFoundError } from '@temporalio/client';
import type { CustomerKey } from '../../../sealing/customer-key.js';
import { append } from '../../../log/append.js';
import { causeOf } from '../../../log/workflow/messages.js';
import { decide } from '../../../order/decide.js';
import type { OrderEvent } from '../../../order/events.js';
import type { Order } from '../../../order/order.js';
import { RULES_TODAY } from '../../../order/rules.js';
import {
  answerOf,
  type CommandMessage,
  type NewOrder,
  orderLog,
  orderWorkflow,
  workflowId,
} from '../../../order-log.js';
import type { CommandMeta, CommandResult, OrderBody } from './gateway.js';
import type { GatewayContext } from './context.js';
import { derivedId, looksDerived } from './derived-ids.js';
import { type Created, createdBy, isSameCreate, startedWith } from './existing-create.js';
import { messageTo } from './message.js';
import { idReserved, keyReused, keysUnavailable, orderExists, type RefusedCommand } from './refusals.js';
import { sealed } from './sealed-commands.js';
import type { Sealing } from './send-sealed.js';
import { whileAvailable } from './while-available.js';

/** How many times longer to wait for the answer to a start than to other commands. */
const START_WAIT_FACTOR = 2;

export type Starting = ReturnType<typeof createStarting>;

/** Decides new orders, and starts their workflows. */
export function createStarting(context: GatewayContext, sealing: Sealing) {
  const {
    client,
    taskQueue,
    terms,
    continueAsNewAfter,
    readJournal,
    answerWithinMs,
    journalWithinMs,
    inTime,
    outcomeOf,
  } = context;
  const firstRecorded = whileAvailable(
    async (orderId: string) => (await readJournal(orderId, 1))[0],
    journalWithinMs,
  );

  /** Decides a new order, and returns functions that look for an existing one. Sends nothing. */
  async function newOrder(
    id: string | undefined,
    body: OrderBody,
    meta: CommandMeta,
    keyFor: (customerId: string) => Promise<CustomerKey | undefined>,
  ): Promise<PendingCreate | RefusedCommand> {
    const derived = derivedId(meta.issuer, meta.key);
    const orderId = id ?? derived;
    // If the id looks derived, but not from this key, the order must exist already.
    const isReserved = orderId !== derived && looksDerived(orderId);
    // The journal is read in parallel with the decision below.
    const recorded = id === undefined && meta.fresh === true ? undefined : firstRecorded(orderId);
    const plain = { orderId, type: 'CreateOrder', data: body } as const;
    const key = await keyFor(body.customer.id);
    if (key === undefined) return keysUnavailable();
    const data = sealed(plain, key);
    const message: CommandMessage<'CreateOrder'> = {
      ...messageTo(orderId, 'CreateOrder', data, meta),
      data: { ...data, terms, rules: RULES_TODAY },
    };
    const now = new Date().toISOString();
    const decision = decide(undefined, { type: 'CreateOrder', data: message.data }, now);
    if ('refusal' in decision) return { kind: 'refused', refusal: decision.refusal };
    // These events only give the answer. The workflow decides the events that are stored.
    const { state: order, events } = append(
      orderLog.entity,
      orderId,
      undefined,
      decision.events,
      causeOf(message, now),
    );
    const asked = { plain, hash: message.hash, key };
    /** The answer if an order exists: the first answer again, if the same request created it. */
    const answerIfExists = async (existing: Created): Promise<CommandResult> => {
      const isSame = await isSameCreate(existing, asked, sealing);
      // The existing create may be the same one, sealed under a key that cannot be read now.
      if (isSame === undefined) return keysUnavailable();
      if (isSame) return { kind: 'answered', answer: answerOf(order, events), replayed: true };
      return id === undefined ? keyReused(meta.key) : orderExists(orderId);
    };
    return {
      message,
      order,
      events,
      key,
      isReserved,
      async answerFromJournal() {
        const first = await recorded;
        return first && (await answerIfExists(createdBy(first)));
      },
      async answerFromTemporal() {
        try {
          const handle = client.workflow.getHandle(workflowId(orderId));
          return await answerIfExists(startedWith(await inTime(() => handle.describe())));
        } catch (error) {
          if (error instanceof WorkflowNotFoundError) return undefined;
          throw error;
        }
      },
    };
  }

  async function create(id: string | undefined, body: OrderBody, meta: CommandMeta): Promise<CommandResult> {
    const pending = await newOrder(id, body, meta, (customerId) => sealing.sealingKeyOf(customerId, meta));
    if ('kind' in pending) return pending;
    const { message, order, events, key } = pending;
    const { orderId } = order;
    const recorded = await pending.answerFromJournal();
    if (recorded !== undefined) return recorded;
    return outcomeOf(orderId, message, async () => {
      if (pending.isReserved) return (await pending.answerFromTemporal()) ?? idReserved(orderId);
      try {
        // A start that was sent may have happened, so a late answer is better than none.
        await inTime(() => start(message, order, key), START_WAIT_FACTOR * answerWithinMs);
        return { kind: 'answered', answer: answerOf(order, events), replayed: false };
      } catch (error) {
        if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
        const started = await pending.answerFromTemporal();
        if (started === undefined) throw error;
        return started;
      }
    });
  }

  async function start(
    message: CommandMessage<'CreateOrder'>,
    order: Order,
    { keyId }: CustomerKey,
  ): Promise<void> {
    const first: NewOrder = {
      orderId: order.orderId,
      create: message,
      ...(continueAsNewAfter === undefined ? {} : { continueAsNewAfter }),
    };
    const shown = orderLog.startOptions(order, message);
    await client.workflow.start(orderWorkflow, {
      workflowId: workflowId(order.orderId),
      ...shown,
      memo: { ...shown.memo, keyId },
      taskQueue,
      args: [first],
      workflowIdReusePolicy: 'REJECT_DUPLICATE',
    });
  }

  return { newOrder, create };
}

/** A create that was decided and not sent. */
export interface PendingCreate {
  readonly message: CommandMessage<'CreateOrder'>;
  readonly order: Order;
  readonly events: readonly OrderEvent[];
  /** the key under which its personal data is sealed */
  readonly key: CustomerKey;
  /** the id is accepted only if its order exists already */
  readonly isReserved: boolean;
  /** The answer if the journal has the order already; undefined if not. */
  readonly answerFromJournal: () => Promise<CommandResult | undefined>;
  /** The answer if Temporal has the order already; undefined if not. */
  readonly answerFromTemporal: () => Promise<CommandResult | undefined>;
}
