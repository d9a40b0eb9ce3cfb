import type { CustomerKey } from '../../../sealing/customer-key.js';
import { decideCreation, startEntity } from '../../../log/gateway/create-entity.js';
import { derivedId, looksDerived } from '../../../log/gateway/derived-ids.js';
import { type CommandMeta, messageTo } from '../../../log/gateway/message.js';
import { type RefusedCommand, START_WAIT_FACTOR } from '../../../log/gateway/outcome.js';
import { describeLatest } from '../../../log/history/runs.js';
import { keyReused } from '../../../log/workflow/obstacles.js';
import type { OrderEvent } from '../../../order/events.js';
import type { Order } from '../../../order/order.js';
import { RULES_TODAY } from '../../../order/rules.js';
import { answerOf, type CommandMessage, orderLog, workflowId } from '../../../order-log.js';
import type { CommandResult, OrderBody } from './gateway.js';
import type { GatewayContext } from './context.js';
import { type Created, createdBy, isSameCreate, startedWith } from './existing-create.js';
import { idReserved, keysUnavailable, orderExists } from './refusals.js';
import { sealed } from './sealed-commands.js';
import type { Sealing } from './send-sealed.js';
import { circuitBreaker } from './circuit-breaker.js';

export type Starting = ReturnType<typeof createStarting>;

/** Decides new orders, and starts their workflows. */
export function createStarting(context: GatewayContext, sealing: Sealing) {
  const {
    client,
    terms,
    continueAsNewAfter,
    readJournal,
    answerWithinMs,
    journalWithinMs,
    inTime,
    outcomeOf,
  } = context;
  const firstRecorded = circuitBreaker(
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
    const created = decideCreation(orderLog, orderId, message, now);
    if ('refusal' in created) return { kind: 'refused', ...created };
    const { state: order, events } = created;
    const asked = { plain, hash: message.hash, key };
    /** The answer if an order exists: the first answer again, if the same request created it. */
    const answerIfExists = async (existing: Created): Promise<CommandResult> => {
      const isSame = await isSameCreate(existing, asked, sealing);
      // The existing create may be the same one, sealed under a key that cannot be read now.
      if (isSame === undefined) return keysUnavailable();
      if (isSame) return { kind: 'answered', answer: answerOf(order, events), replayed: true };
      return id === undefined ? { kind: 'refused', refusal: keyReused(meta.key) } : orderExists(orderId);
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
        const described = await inTime(() => describeLatest(client, workflowId(orderId)));
        return described && (await answerIfExists(startedWith(described)));
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
    const first = {
      orderId,
      create: message,
      ...(continueAsNewAfter !== undefined && { continueAsNewAfter }),
    };
    return outcomeOf(orderId, message, async () => {
      if (pending.isReserved) return (await pending.answerFromTemporal()) ?? idReserved(orderId);
      // A start that was sent may have happened, so a late answer is better than none.
      const isNew = await inTime(
        () => startEntity(orderLog, context, order, first, { keyId: key.keyId }),
        START_WAIT_FACTOR * answerWithinMs,
      );
      if (isNew) return { kind: 'answered', answer: answerOf(order, events), replayed: false };
      return (await pending.answerFromTemporal()) ?? { kind: 'unknown-outcome', orderId };
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
