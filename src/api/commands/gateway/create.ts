import { WorkflowExecutionAlreadyStartedError, WorkflowNotFoundError } from '@temporalio/client';
import { type CustomerKey, keyIdIn } from '../../../access/persons/sealing.js';
import { causeOf, hashIn } from '../../../log/workflow/messages.js';
import { decide } from '../../../order/decide.js';
import type { OrderEvent } from '../../../order/events.js';
import type { Order } from '../../../order/order.js';
import { rulesToday } from '../../../order/rules.js';
import {
  answerOf,
  append,
  type CommandMessage,
  type NewOrder,
  orderWorkflow,
  workflowId,
} from '../../../order-log.js';
import { startOptionsOf } from '../../../views/order-start.js';
import type { CommandMeta, CommandResult, OrderBody } from './gateway.js';
import { type GatewayContext, whileAvailable } from './context.js';
import { derivedOrderId, hashOf, looksDerived } from './identity.js';
import { messageTo } from './message.js';
import { idReserved, keyReused, keysUnavailable, orderExists, type Refused } from './refusals.js';
import { sealed } from './sealed.js';
import type { Sealing } from './sealed-send.js';

/** How many times longer to wait for the answer to a start. */
const START_TIMES = 2;

export type Starting = ReturnType<typeof createStarting>;

/** Decides new orders, and starts their workflows. */
export function createStarting(context: GatewayContext, { sealingKeyOf, keyNamed, furtherKeys }: Sealing) {
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

  /** The first decision of a new order, and whether there is one already. Sends nothing. */
  async function newOrder(
    id: string | undefined,
    body: OrderBody,
    meta: CommandMeta,
    keyFor: (customerId: string) => Promise<CustomerKey | undefined>,
  ): Promise<PendingCreate | Refused> {
    const derived = derivedOrderId(meta.issuer, meta.key);
    const orderId = id ?? derived;
    // If the id looks derived, but not from this key, the order must exist already.
    const isReserved = orderId !== derived && looksDerived(orderId);
    // Read in parallel with the decision below.
    const recorded = id === undefined && meta.fresh === true ? undefined : firstRecorded(orderId);
    const plain = { orderId, type: 'CreateOrder', data: body } as const;
    const key = await keyFor(body.customer.id);
    if (key === undefined) return keysUnavailable();
    const data = sealed(plain, key);
    const message: CommandMessage<'CreateOrder'> = {
      ...messageTo(orderId, 'CreateOrder', data, meta),
      data: { ...data, terms, rules: rulesToday },
    };
    const now = new Date().toISOString();
    const decision = decide(undefined, { type: 'CreateOrder', data: message.data }, now);
    if ('refusal' in decision) return { kind: 'refused', refusal: decision.refusal };
    // These events only give the answer. The workflow decides the events that are stored.
    const { order, events } = append(orderId, undefined, decision.events, causeOf(message, now));
    const answer = answerOf(order, events);

    const repeated = async (existing: Created): Promise<CommandResult> => {
      const same: CommandResult = { kind: 'answered', answer, replayed: true };
      if (existing.hash === message.hash) return same;
      const others =
        existing.keyId === undefined
          ? await furtherKeys(body.customer.id, key)
          : await keyNamed(existing.keyId);
      // The existing create may be the same one, sealed under a key that cannot be read now.
      if (others === undefined) return keysUnavailable();
      // An order from before persons were sealed has the hash of the plain body.
      const alike = [body, ...others.map((other) => sealed(plain, other))];
      const hashes = alike.map((content) => hashOf({ type: 'CreateOrder', orderId, data: content }));
      if (existing.hash !== undefined && hashes.includes(existing.hash)) return same;
      return id === undefined ? keyReused(meta.key) : orderExists(orderId);
    };
    return {
      message,
      order,
      events,
      key,
      isReserved,
      async recorded() {
        const first = await recorded;
        return first && (await repeated(createdBy(first)));
      },
      async started() {
        try {
          const handle = client.workflow.getHandle(workflowId(orderId));
          return await repeated(startedWith(await inTime(() => handle.describe())));
        } catch (error) {
          if (error instanceof WorkflowNotFoundError) return undefined;
          throw error;
        }
      },
    };
  }

  async function create(id: string | undefined, body: OrderBody, meta: CommandMeta): Promise<CommandResult> {
    const pending = await newOrder(id, body, meta, (customerId) => sealingKeyOf(customerId, meta));
    if ('kind' in pending) return pending;
    const { message, order, events, key } = pending;
    const { orderId } = order;
    const recorded = await pending.recorded();
    if (recorded !== undefined) return recorded;
    return outcomeOf(orderId, message, async () => {
      if (pending.isReserved) return (await pending.started()) ?? idReserved(orderId);
      try {
        // A start that was sent may have happened, so a late answer is better than none.
        await inTime(() => start(message, order, key), START_TIMES * answerWithinMs);
        return { kind: 'answered', answer: answerOf(order, events), replayed: false };
      } catch (error) {
        if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
        const started = await pending.started();
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
    const shown = startOptionsOf(order, message);
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
  /** the key under which its persons are sealed */
  readonly key: CustomerKey;
  /** only an order that exists may have its id */
  readonly isReserved: boolean;
  /** The answer if the journal has the order already. */
  readonly recorded: () => Promise<CommandResult | undefined>;
  /** The answer if Temporal has it already. */
  readonly started: () => Promise<CommandResult | undefined>;
}

/** What is known of the create of an order that exists. */
interface Created {
  /** undefined if it is not known */
  readonly hash?: string | undefined;
  /** the key that its persons are sealed under; undefined if they are not, or it is not known */
  readonly keyId?: string | undefined;
}

function createdBy(first: OrderEvent): Created {
  const keyId = first.type === 'OrderCreated' ? keyIdIn(first.data.customer.name) : undefined;
  return { hash: hashIn(first), keyId };
}

function startedWith({ memo }: { readonly memo?: Record<string, unknown> | undefined }): Created {
  const text = (value: unknown) => (typeof value === 'string' ? value : undefined);
  return { hash: text(memo?.['hash']), keyId: text(memo?.['keyId']) };
}
