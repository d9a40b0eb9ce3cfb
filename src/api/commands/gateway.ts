import {
  ApplicationFailure,
  type Client,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
} from '@temporalio/client';
import {
  asOrderAnswer,
  append,
  answerOf,
  type Answer,
  type CommandAnswer,
  type CommandMessage,
  type NewOrder,
  orderWorkflow,
  workflowId,
  orderLog,
} from '../../order-log.js';
import {
  type CommandData,
  type CommandType,
  type Fact,
  type FollowUpCommand,
  type FollowUpType,
  limits,
  type Terms,
} from '../../order/commands.js';
import { pause } from '../../concurrency/pause.js';
import { decide } from '../../order/decide.js';
import { orders } from '../../order/entity.js';
import type { OrderEvent } from '../../order/events.js';
import { fold } from '../../order/evolve.js';
import { isFinished, type Order } from '../../order/order.js';
import { rulesToday } from '../../order/rules.js';
import { type CustomerKey, keyIdIn } from '../../access/persons/sealing.js';
import { commandIn } from '../../log/journal/command-memory.js';
import { foldHistory, readHistoryLog } from '../../log/journal/history.js';
import { refusalIn } from '../../log/journal/refused-update.js';
import { startOptionsOf } from '../../views/order-start.js';
import { ended, wordOf } from '../../log/journal/stops.js';
import type { Config } from '../../server/config.js';
import type { Logger } from '../../server/logger.js';
import { isMongoOutage } from '../../outages/mongo-outage.js';
import { isTaskFailure, isTemporalOutage } from '../../outages/temporal-outage.js';
import { withTimeout } from '../../outages/timeout.js';
import { didNothing } from '../../log/workflow/answer.js';
import { commandIdOf, keyOf } from '../../log/workflow/command-id.js';
import { eventsOf } from '../../log/workflow/preview.js';
import {
  causeOf,
  hashIn,
  type EntityPreview,
  type Message,
  messageId,
  messagesWaiting,
  type PreviewRequest,
  previewQuery,
  type RefusedUpdate,
  type Remembered,
  searchAttributes,
} from '../../log/workflow/messages.js';
import { derivedOrderId, hashOf, looksDerived } from './identity.js';
import { messageWith } from './message.js';
import { type Preview, previewOf } from './preview.js';
import { hasPersons, otherKeys, previewKey, sealed, type SealingKeys, withoutPreviewKey } from './sealed.js';

/**
 * Sends commands and facts to an order's workflow, for the HTTP API and the client scripts alike.
 * Persons are in plain text until here, and are sealed under their customer's key before anything
 * is sent. Knows Temporal and nothing of HTTP. Every outcome is a value; an exception is a defect.
 */
export interface Gateway {
  /**
   * Starts an order. The answer means that the order is durable; it needs neither MongoDB nor a
   * worker. Without an `id`, the order's id derives from the issuer and the key.
   */
  create(id: string | undefined, order: OrderBody, meta: CommandMeta): Promise<CommandResult>;
  /** Sends a command, and waits some seconds for the workflow's answer. */
  execute(orderId: string, command: FollowUpCommand, meta: CommandMeta): Promise<CommandResult>;
  /**
   * Sends a command as a signal: durable when accepted. If it is not allowed, it becomes a
   * `CommandRejected` event.
   */
  signal(orderId: string, command: FollowUpCommand, meta: CommandMeta): Promise<CommandResult>;
  /** What `create` would do, without doing any of it: no key is taken, and none is made. */
  previewCreate(id: string | undefined, order: OrderBody, meta: CommandMeta): Promise<CommandResult>;
  /**
   * What `execute` would do, or why it would be refused. The workflow is asked; if no worker
   * answers, its history tells.
   */
  preview(orderId: string, command: FollowUpCommand, meta: CommandMeta): Promise<CommandResult>;
  /** Sends a fact: durable when accepted. If it does not fit yet, it waits in the order's log. */
  fact(orderId: string, fact: Fact, meta: CommandMeta): Promise<CommandResult>;
}

/** A new order without the terms and the rules, which the gateway adds. */
export type OrderBody = Omit<CommandData['CreateOrder'], 'terms' | 'rules'>;

export interface CommandMeta {
  /** the scope of the key: two issuers may use the same key for different commands */
  readonly issuer: string;
  /** the `Idempotency-Key` */
  readonly key: string;
  /** true if the key was generated for this request, so it cannot be a repetition */
  readonly fresh?: boolean;
  readonly actor: string;
  /** for whom the actor acts */
  readonly onBehalfOf?: string;
  readonly correlationId: string;
  /** of the recorded trace that it belongs to */
  readonly traceId?: string;
  /** refuse the command if the order is at another version */
  readonly expectedVersion?: number;
}

export type CommandResult =
  | { readonly kind: 'answered'; readonly answer: CommandAnswer; readonly replayed: boolean }
  /** durable, without an answer of the workflow */
  | { readonly kind: 'accepted'; readonly orderId: string; readonly replayed: boolean }
  /** nothing was done; `replayed`: nor would be, since the same command was answered before */
  | { readonly kind: 'previewed'; readonly preview: Preview; readonly replayed: boolean }
  | Refused
  /** No answer in time: the command may still take effect. The caller retries with the same key. */
  | { readonly kind: 'unknown-outcome'; readonly orderId: string };

/** Why nothing was changed. */
export interface Refused {
  readonly kind: 'refused';
  readonly refusal: RefusedUpdate['refusal'];
  /** of the order, if it is known */
  readonly version?: number;
  readonly status?: string;
  readonly allowedCommands?: readonly string[];
  /** see `RefusedUpdate` */
  readonly memoryFrom?: number;
}

export interface GatewayOptions {
  readonly client: Client;
  readonly taskQueue: string;
  /** given to every order at its creation */
  readonly terms: Terms;
  readonly continueAsNewAfter?: number;
  /**
   * An order's events in the journal, version 1 first, at most `limit`. May fail: the gateway goes
   * on without.
   */
  readonly readJournal: (orderId: string, limit?: number) => Promise<readonly OrderEvent[]>;
  /**
   * Reads from the journal the commands that the order no longer remembers (`recallCommands`). May
   * fail.
   */
  readonly recall: (
    orderId: string,
    commandIds: readonly string[],
    upTo: number,
  ) => Promise<readonly Remembered[]>;
  /**
   * Whether an order has room for a fact that does not fit yet. May fail: the gateway then assumes
   * so.
   */
  readonly hasRoomForFacts: (orderId: string) => Promise<boolean>;
  /** The customer of an order, by its view; undefined if it has none. May fail. */
  readonly customerInView: (orderId: string) => Promise<string | undefined>;
  /** The order in its view; undefined if it has none. May fail. */
  readonly orderInView: (orderId: string) => Promise<Order | undefined>;
  /** seal the persons in commands */
  readonly keys: SealingKeys;
  readonly logger: Logger;
  /** how long to wait for an answer of Temporal and the workers; 5 s by default */
  readonly answerWithinMs?: number | undefined;
  /** how long to wait for what may fail; 300 ms by default */
  readonly journalWithinMs?: number | undefined;
}

/** The options of a gateway that come from the configuration. */
export function gatewaySettings({
  temporal,
  terms,
  continueAsNewAfter,
}: Config): Pick<GatewayOptions, 'taskQueue' | 'terms' | 'continueAsNewAfter'> {
  return {
    taskQueue: temporal.taskQueue,
    terms: {
      paymentDeadline: terms.paymentDeadlineMs,
      returnWindow: terms.returnWindowMs,
      authorizationTtl: terms.authorizationTtlMs,
    },
    ...(continueAsNewAfter === undefined ? {} : { continueAsNewAfter }),
  };
}

const JOURNAL_REST_MS = 5_000;
/** How long a workflow is waited for until its history is read instead. */
const PREVIEW_WITHIN_MS = 2_000;
const RESEND_AFTER_MS = 100;
/** How many times longer to wait for the answer to a start. */
const START_TIMES = 2;

/**
 * A run ended before it handled the update, such as by continue-as-new: the next run takes it under
 * the same id.
 */
const unprocessed = new Set(['UnprocessedUpdate', 'AcceptedUpdateCompletedWorkflow']);

export function createGateway(options: GatewayOptions): Gateway {
  const {
    client,
    taskQueue,
    terms,
    continueAsNewAfter,
    readJournal,
    recall,
    hasRoomForFacts,
    customerInView,
    orderInView,
    keys,
    logger,
    answerWithinMs = 5_000,
    journalWithinMs = 300,
  } = options;
  const firstRecorded = whileAvailable(
    async (orderId: string) => (await readJournal(orderId, 1))[0],
    journalWithinMs,
  );
  const knowsRoom = whileAvailable(hasRoomForFacts, journalWithinMs);
  const knowsCustomer = whileAvailable(customerInView, journalWithinMs);

  function inTime<R>(call: () => Promise<R>, withinMs = answerWithinMs): Promise<R> {
    return client.connection.withDeadline(Date.now() + withinMs, call);
  }

  /** Runs `ask`, and turns an outage of Temporal into a value. */
  async function outcomeOf(
    orderId: string,
    { commandId, correlationId }: Pick<Message, 'commandId' | 'correlationId'>,
    ask: () => Promise<CommandResult>,
  ): Promise<CommandResult> {
    try {
      return await ask();
    } catch (error) {
      if (!isTemporalOutage(error)) throw error;
      logger.warn({ err: error, orderId, commandId, correlationId }, 'no answer to a command');
      return { kind: 'unknown-outcome', orderId };
    }
  }

  /** The first decision of a new order, and whether there is one already. Sends nothing. */
  async function newOrder(
    id: string | undefined,
    body: OrderBody,
    meta: CommandMeta,
    keyFor: (customerId: string) => Promise<CustomerKey | undefined>,
  ): Promise<Wish | Refused> {
    const derived = derivedOrderId(meta.issuer, meta.key);
    const orderId = id ?? derived;
    // Only an order that exists may be named by such an id.
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
    // The workflow makes the events that are kept.
    const { order, events } = append(orderId, undefined, decision.events, causeOf(message, now));
    const answer = answerOf(order, events);

    const repeated = async (existing: Created): Promise<CommandResult> => {
      const same: CommandResult = { kind: 'answered', answer, replayed: true };
      if (existing.hash === message.hash) return same;
      const others =
        existing.keyId === undefined
          ? await furtherKeys(body.customer.id, key)
          : await keyNamed(existing.keyId);
      // It may be the same create, sealed under a key that cannot be asked for now.
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
    const wish = await newOrder(id, body, meta, (customerId) => sealingKeyOf(customerId, meta));
    if ('kind' in wish) return wish;
    const { message, order, events, key } = wish;
    const { orderId } = order;
    const recorded = await wish.recorded();
    if (recorded !== undefined) return recorded;
    return outcomeOf(orderId, message, async () => {
      if (wish.isReserved) return (await wish.started()) ?? idReserved(orderId);
      try {
        // A start that was sent may have happened, so a late answer is better than none.
        await inTime(() => start(message, order, key), START_TIMES * answerWithinMs);
        return { kind: 'answered', answer: answerOf(order, events), replayed: false };
      } catch (error) {
        if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
        const started = await wish.started();
        if (started === undefined) throw error;
        return started;
      }
    });
  }

  async function previewCreate(
    id: string | undefined,
    body: OrderBody,
    meta: CommandMeta,
  ): Promise<CommandResult> {
    const wish = await newOrder(id, body, meta, keyOfPreviews);
    if ('kind' in wish) return wish;
    const { message, order, events, isReserved } = wish;
    const { orderId } = order;
    return await previewed(orderId, message, async () => {
      const existing = (await wish.recorded()) ?? (await wish.started());
      if (existing !== undefined) return existing;
      if (isReserved) return idReserved(orderId);
      return { kind: 'previewed', preview: previewOf(undefined, events), replayed: false };
    });
  }

  /** Undefined if the key store is away, and this process has no key for the customer. */
  async function sealingKeyOf(
    customerId: string,
    { correlationId }: CommandMeta,
  ): Promise<CustomerKey | undefined> {
    try {
      return await keys.sealingKey(customerId);
    } catch (error) {
      if (!isMongoOutage(error)) throw error;
      logger.warn({ err: error, correlationId }, 'the key store does not answer');
      return undefined;
    }
  }

  /**
   * The key that an order names; none if it was destroyed.
   *
   * @returns undefined if it cannot be asked for now
   */
  async function keyNamed(keyId: string): Promise<readonly CustomerKey[] | undefined> {
    try {
      const found = await withTimeout(answerWithinMs, keys.opening(keyId));
      if (found === 'destroyed') return [];
      return found === 'unknown' ? undefined : [{ keyId, key: found }];
    } catch (error) {
      if (!isMongoOutage(error)) throw error;
      return undefined;
    }
  }

  /** Undefined while the key store is away. */
  async function furtherKeys(
    customerId: string,
    than: CustomerKey,
  ): Promise<readonly CustomerKey[] | undefined> {
    try {
      return await withTimeout(journalWithinMs, otherKeys(keys, customerId, than));
    } catch (error) {
      if (!isMongoOutage(error)) throw error;
      return undefined;
    }
  }

  /**
   * Seals the persons in a command, and sends it. If it is refused because its key was used with
   * another content, it may be a repetition that was sealed under another key of the customer.
   */
  async function sealedTo(
    orderId: string,
    command: FollowUpCommand,
    meta: CommandMeta,
    ask: (command: FollowUpCommand) => Promise<CommandResult>,
    keyFor = (customerId: string) => sealingKeyOf(customerId, meta),
  ): Promise<CommandResult> {
    if (!hasPersons(command)) return await ask(command);
    const customerId = await customerOf(orderId).catch((error: unknown) => {
      if (!isMongoOutage(error)) throw error;
      return journalUnavailable();
    });
    if (customerId === undefined) return notFound(orderId);
    if (typeof customerId !== 'string') return customerId;
    const key = await keyFor(customerId);
    if (key === undefined) return keysUnavailable();
    const { type, data } = command;
    const sealedUnder = (one: CustomerKey) =>
      // Sealing keeps the shape of the data.
      ({ type, data: sealed<object>({ orderId, type, data }, one) }) as FollowUpCommand;
    const result = await ask(sealedUnder(key));
    if (meta.fresh === true || !isKeyReused(result)) return result;
    const others = await furtherKeys(customerId, key);
    if (others === undefined) return keysUnavailable();
    for (const other of others) {
      const again = await ask(sealedUnder(other));
      if (!isKeyReused(again)) return again;
    }
    return result;
  }

  /**
   * The customer of an order, which never changes.
   *
   * @returns undefined if there is no such order
   * @throws errors of MongoDB if only the journal can tell
   */
  async function customerOf(orderId: string): Promise<string | undefined> {
    const viewed = await knowsCustomer(orderId);
    if (viewed !== undefined) return viewed;
    try {
      const handle = client.workflow.getHandle(workflowId(orderId));
      const { searchAttributes: found } = await inTime(() => handle.describe());
      const [customerId] = found[searchAttributes.customer] ?? [];
      if (customerId !== undefined) return String(customerId);
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError)) throw error;
    }
    const [first] = await withTimeout(answerWithinMs, readJournal(orderId, 1));
    return first?.type === 'OrderCreated' ? first.data.customer.id : undefined;
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

  /** Asks until the order is not busy, and knows whether it had the command before. */
  function askAgain(
    orderId: string,
    first: Message,
    ask: (message: Message, giveUpAt: number) => Promise<CommandResult | 'unprocessed'>,
  ): Promise<CommandResult> {
    let message = first;
    return outcomeOf(orderId, message, async () => {
      const giveUpAt = Date.now() + answerWithinMs;
      const isLate = () => Date.now() + RESEND_AFTER_MS > giveUpAt;
      for (;;) {
        const result = await ask(message, giveUpAt);
        if (result === 'unprocessed') {
          if (isLate()) return { kind: 'unknown-outcome', orderId };
          await pause(RESEND_AFTER_MS);
        } else if (result.kind === 'refused' && result.refusal.code === messagesWaiting && !isLate()) {
          await pause(RESEND_AFTER_MS);
        } else if (result.kind === 'refused' && result.memoryFrom !== undefined) {
          const known = await fromJournal(message, orderId, result.memoryFrom, giveUpAt);
          if (known !== undefined) return known;
          message = { ...message, absentUpTo: result.memoryFrom };
        } else return result;
      }
    });
  }

  function executeSealed(
    orderId: string,
    { type, data }: FollowUpCommand,
    meta: CommandMeta,
  ): Promise<CommandResult> {
    return askAgain(orderId, messageTo(orderId, type, data, meta), (message, giveUpAt) =>
      client.connection.withDeadline(giveUpAt, () => update(orderId, type, message)),
    );
  }

  /**
   * The answer to a command that the order may have forgotten; undefined if the order never had it.
   */
  async function fromJournal(
    message: Message,
    orderId: string,
    upTo: number,
    giveUpAt: number,
  ): Promise<CommandResult | undefined> {
    try {
      const [known] = await withTimeout(giveUpAt - Date.now(), recall(orderId, [message.commandId], upTo));
      return known && repeatedOf(known, message);
    } catch (error) {
      const { commandId, correlationId } = message;
      logger.warn({ err: error, orderId, commandId, correlationId }, 'the journal cannot be asked');
      return journalUnavailable();
    }
  }

  async function update(
    orderId: string,
    type: FollowUpType,
    message: Message,
  ): Promise<CommandResult | 'unprocessed'> {
    const handle = client.workflow.getHandle(workflowId(orderId));
    try {
      const { requestId, ...answer } = await handle.executeUpdate<Answer, [Message]>(type, {
        args: [message],
        updateId: messageId(message),
      });
      return { kind: 'answered', answer, replayed: requestId !== message.requestId };
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return withoutWorkflow(orderId, message, 'update');
      if (isTaskFailure(error)) return 'unprocessed';
      if (isUnprocessed(error)) return 'unprocessed';
      const refused = refusalIn(error);
      if (refused === undefined) throw error;
      return { kind: 'refused', ...refused };
    }
  }

  function execute(orderId: string, command: FollowUpCommand, meta: CommandMeta): Promise<CommandResult> {
    return outcomeOf(orderId, idsOf(meta), () =>
      sealedTo(orderId, command, meta, (one) => executeSealed(orderId, one, meta)),
    );
  }

  async function preview(
    orderId: string,
    command: FollowUpCommand,
    meta: CommandMeta,
  ): Promise<CommandResult> {
    const ask = ({ type, data }: FollowUpCommand) => {
      const asked = messageTo<object>(orderId, type, data, meta);
      return askAgain(orderId, asked, (message) => previewIn(orderId, type, message));
    };
    return await previewed(orderId, idsOf(meta), () => sealedTo(orderId, command, meta, ask, keyOfPreviews));
  }

  /** Asks the workflow; if no worker answers, its history. */
  async function previewIn(orderId: string, type: FollowUpType, message: Message): Promise<CommandResult> {
    const at = new Date().toISOString();
    try {
      const handle = client.workflow.getHandle(workflowId(orderId));
      const [answer, { status }] = await inTime(
        () =>
          Promise.all([
            handle.query<EntityPreview<Order>, [PreviewRequest]>(previewQuery, { type, message, at }),
            handle.describe(),
          ]),
        Math.min(PREVIEW_WITHIN_MS, answerWithinMs),
      );
      if (status.name !== 'RUNNING') return await withoutWorkflow(orderId, message, 'update');
      if ('refused' in answer) return { kind: 'refused', ...answer.refused };
      const { order, events, replayed } = answer;
      const upcast = events.map((event) => orderLog.entity.upcast(event));
      return { kind: 'previewed', preview: previewOf(order, upcast), replayed };
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return await withoutWorkflow(orderId, message, 'update');
      return await previewInHistory(orderId, type, message, at);
    }
  }

  async function previewInHistory(
    orderId: string,
    type: FollowUpType,
    message: Message,
    at: string,
  ): Promise<CommandResult> {
    const log = await inTime(() => readHistoryLog(orderLog, client, orderId));
    const order = log && foldHistory(orderLog, log);
    if (log === undefined || order === undefined || !log.isOpen)
      return await withoutWorkflow(orderId, message, 'update');
    if (log.isResuming) return { kind: 'unknown-outcome', orderId };
    const known = commandIn(orderLog, log.events, message.commandId, order.status);
    const repeated = known && repeatedOf(known, message);
    if (repeated !== undefined) return repeated;
    if (!log.isComplete) {
      // Temporal no longer keeps the runs that had the earlier commands.
      const earlier = await fromJournal(message, orderId, log.firstVersion - 1, Date.now() + answerWithinMs);
      if (earlier !== undefined) return earlier;
    }
    const { version, status } = order;
    const { expectedVersion } = message;
    if (expectedVersion !== undefined && expectedVersion !== version) return stale(order, expectedVersion);
    const decision = orders.decide(order, type, message.data, at);
    if ('refusal' in decision) {
      const { allowedCommands } = orders.allowed(order);
      return { kind: 'refused', refusal: decision.refusal, version, status, allowedCommands };
    }
    const events = eventsOf(orders, order, type, message, at);
    return { kind: 'previewed', preview: previewOf(order, events), replayed: false };
  }

  /** Completes a preview: a command that was answered before would do nothing. */
  async function previewed(
    orderId: string,
    ids: Pick<Message, 'commandId' | 'correlationId'>,
    ask: () => Promise<CommandResult>,
  ): Promise<CommandResult> {
    const result = await outcomeOf(orderId, ids, async () => {
      const found = await ask();
      if (found.kind !== 'answered') return found;
      const order = await latest(orderId);
      if (order === undefined) return { kind: 'unknown-outcome', orderId };
      return { kind: 'previewed', preview: previewOf(order, []), replayed: true };
    });
    if (result.kind === 'unknown-outcome') return previewUnavailable(orderId);
    if (result.kind !== 'previewed') return result;
    return { ...result, preview: await withoutPreviewKey(result.preview) };
  }

  /** The order by its history or, if Temporal does not keep it any more, by its journal. */
  async function latest(orderId: string): Promise<Order | undefined> {
    const log = await inTime(() => readHistoryLog(orderLog, client, orderId));
    return (log && foldHistory(orderLog, log)) ?? (await recordedOrder(orderId)).order;
  }

  /**
   * An order's events in the journal, and the order after them; by its view, if the first events are
   * lost.
   */
  async function recordedOrder(
    orderId: string,
  ): Promise<{ readonly events: readonly OrderEvent[]; readonly order: Order | undefined }> {
    const events = await withTimeout(answerWithinMs, readJournal(orderId));
    if (events.length === 0 || events[0]?.version === 1) return { events, order: fold(events) };
    return { events, order: await withTimeout(answerWithinMs, orderInView(orderId)) };
  }

  function signal(orderId: string, command: FollowUpCommand, meta: CommandMeta): Promise<CommandResult> {
    return outcomeOf(orderId, idsOf(meta), () =>
      sealedTo(orderId, command, meta, ({ type, data }) =>
        send(orderId, type, messageTo(orderId, type, data, meta)),
      ),
    );
  }

  async function fact(orderId: string, { type, data }: Fact, meta: CommandMeta): Promise<CommandResult> {
    if ((await knowsRoom(orderId)) === false) return tooManyFacts(orderId);
    return await send(orderId, type, messageTo(orderId, type, data, meta));
  }

  function send(orderId: string, name: string, message: Message): Promise<CommandResult> {
    return outcomeOf(orderId, message, async () => {
      try {
        await inTime(() => client.workflow.getHandle(workflowId(orderId)).signal<[Message]>(name, message));
        return { kind: 'accepted', orderId, replayed: false };
      } catch (error) {
        if (!(error instanceof WorkflowNotFoundError)) throw error;
        return withoutWorkflow(orderId, message, 'signal');
      }
    });
  }

  /**
   * Answers if no workflow runs: the order has ended, which perhaps only the journal knows, or
   * never existed.
   */
  async function withoutWorkflow(
    orderId: string,
    message: Message,
    sent: 'update' | 'signal',
  ): Promise<CommandResult> {
    let found: Awaited<ReturnType<typeof recordedOrder>>;
    try {
      found = await recordedOrder(orderId);
    } catch (error) {
      logger.warn(
        { err: error, orderId, correlationId: message.correlationId },
        'the journal cannot be asked',
      );
      return { kind: 'unknown-outcome', orderId };
    }
    const { events, order } = found;
    const status = order !== undefined && isFinished(order) ? 'COMPLETED' : await statusOf(orderId);
    // Another run has started in the meantime.
    if (status === 'RUNNING') return { kind: 'unknown-outcome', orderId };
    const isOver = status === 'COMPLETED';
    if (order === undefined) {
      if (status === undefined) return notFound(orderId);
      // A run fails by itself only if its start has no valid order.
      return isOver || status === 'FAILED' ? orderClosed(orderId) : workflowEnded(orderId, status);
    }
    const known = commandIn(orderLog, events, message.commandId, order.status);
    const repeated = known && repeatedOf(known, message);
    if (repeated?.kind === 'refused') return repeated;
    if (sent === 'signal' && known !== undefined) return { kind: 'accepted', orderId, replayed: true };
    if (repeated !== undefined) return repeated;
    const { expectedVersion } = message;
    if (expectedVersion !== undefined && expectedVersion !== order.version)
      return stale(order, expectedVersion);
    const refused = isOver ? orderClosed(orderId) : workflowEnded(orderId, status);
    return { ...refused, version: order.version, status: order.status };
  }

  /**
   * The status of the order's last run, in Temporal's words; undefined if Temporal knows no run.
   */
  async function statusOf(orderId: string): Promise<string | undefined> {
    try {
      const { status } = await inTime(() => client.workflow.getHandle(workflowId(orderId)).describe());
      return status.name;
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return undefined;
      throw error;
    }
  }

  return { create, execute, signal, previewCreate, preview, fact };
}

/**
 * Never the customer's own key: by comparing what it has sealed with what the order shows, a client
 * without `persons:read` could test guesses. A command that was sent before is still found, since
 * the customer's keys are tried for it.
 */
const keyOfPreviews = async (): Promise<CustomerKey> => previewKey;

function messageTo<D>(
  orderId: string,
  type: CommandType | Fact['type'],
  data: D,
  meta: CommandMeta,
): Message<D> {
  return messageWith(data, hashOf({ type, orderId, data }), meta);
}

function idsOf({ issuer, key, correlationId }: CommandMeta): Pick<Message, 'commandId' | 'correlationId'> {
  return { commandId: commandIdOf(issuer, key), correlationId };
}

function isKeyReused(result: CommandResult): boolean {
  return result.kind === 'refused' && result.refusal.code === 'key_reused';
}

/** A create that was decided and not sent. */
interface Wish {
  readonly message: CommandMessage<'CreateOrder'>;
  readonly order: Order;
  readonly events: readonly OrderEvent[];
  /** its persons are sealed under it */
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

/**
 * The answer to a message whose command the order has had before; undefined if the command had no
 * effect then: a rejected signal is judged again if an update with its key arrives.
 */
function repeatedOf(known: Remembered, message: Message): CommandResult | undefined {
  if (known.hash !== undefined && known.hash !== message.hash) return keyReused(keyOf(message.commandId));
  if (didNothing(known)) return undefined;
  const { requestId: _, ...answer } = known.answer;
  return { kind: 'answered', answer: asOrderAnswer(answer), replayed: true };
}

function isUnprocessed(error: unknown): boolean {
  if (!(error instanceof WorkflowUpdateFailedError) || !(error.cause instanceof ApplicationFailure))
    return false;
  return unprocessed.has(error.cause.type ?? '');
}

function keyReused(key: string): Refused {
  const message = `${key} was the key of another command: use a new one for this`;
  return { kind: 'refused', refusal: { kind: 'key_reused', code: 'key_reused', message } };
}

function journalUnavailable(): Refused {
  const message =
    'the journal must be asked whether this key was used before, and MongoDB does not answer: try again with the same key';
  return { kind: 'refused', refusal: { kind: 'busy', code: 'journal_unavailable', message } };
}

function previewUnavailable(orderId: string): Refused {
  const message = `order ${orderId} cannot be asked now what the command would do: try again`;
  return { kind: 'refused', refusal: { kind: 'busy', code: 'preview_unavailable', message } };
}

function keysUnavailable(): Refused {
  const message =
    'the persons in this command cannot be sealed, because the key store does not answer: try again with the same key';
  return { kind: 'refused', refusal: { kind: 'busy', code: 'keys_unavailable', message } };
}

function tooManyFacts(orderId: string): Refused {
  const message = `${limits.facts} facts wait to fit order ${orderId}: send it again later, and see \`npx orders attention\``;
  return { kind: 'refused', refusal: { kind: 'busy', code: 'facts_waiting', message } };
}

function idReserved(orderId: string): Refused {
  const message = `${orderId} has the form of an id that derives from a client and its key (UUID version 8): choose another, or none`;
  return { kind: 'refused', refusal: { kind: 'invalid', code: 'id_reserved', message, pointer: '/id' } };
}

function orderExists(orderId: string): Refused {
  const message = `order ${orderId} exists with other content: choose another id, or none`;
  return { kind: 'refused', refusal: { kind: 'not_allowed', code: 'order_exists', message } };
}

function orderClosed(orderId: string): Refused {
  const message = `order ${orderId} is closed: it takes no command any more`;
  return {
    kind: 'refused',
    refusal: { kind: 'not_allowed', code: 'order_closed', message },
    allowedCommands: [],
  };
}

/** @param status of its last run, in Temporal's words; undefined if Temporal knows no run */
function workflowEnded(orderId: string, status: string | undefined): Refused {
  const { code, detail, remedy } = ended(orderLog, orderId, status && wordOf(status));
  return {
    kind: 'refused',
    refusal: { kind: 'halted', code, message: `${detail}: ${remedy}` },
    allowedCommands: [],
  };
}

function notFound(orderId: string): Refused {
  const message = `there is no order ${orderId}`;
  return { kind: 'refused', refusal: { kind: 'not_found', code: 'order_not_found', message } };
}

function stale({ version, status }: Order, expectedVersion: number): Refused {
  const message = `the order is at version ${version}, not ${expectedVersion}: look at it again`;
  return {
    kind: 'refused',
    refusal: { kind: 'stale_version', code: 'stale_version', message },
    version,
    status,
  };
}

/**
 * Asks for at most `withinMs`. After a failure, returns undefined for some seconds without asking.
 */
function whileAvailable<R>(
  ask: (orderId: string) => Promise<R>,
  withinMs: number,
): (orderId: string) => Promise<R | undefined> {
  let restUntil = 0;
  return async (orderId) => {
    if (Date.now() < restUntil) return undefined;
    try {
      return await withTimeout(withinMs, ask(orderId));
    } catch {
      restUntil = Date.now() + JOURNAL_REST_MS;
      return undefined;
    }
  };
}
