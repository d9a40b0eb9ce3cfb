import {
  ApplicationFailure,
  type Client,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
} from '@temporalio/client';
import { asOrderAnswer, type Answer, type CommandAnswer, workflowId, orderLog } from '../../order-log.js';
import type { CommandData, Fact, FollowUpCommand, FollowUpType, Terms } from '../../order/commands.js';
import { pause } from '../../concurrency/pause.js';
import { orders } from '../../order/entity.js';
import type { OrderEvent } from '../../order/events.js';
import { fold } from '../../order/evolve.js';
import { isFinished, type Order } from '../../order/order.js';
import type { CustomerKey } from '../../access/persons/sealing.js';
import { commandIn } from '../../log/journal/command-memory.js';
import { foldHistory, readHistoryLog } from '../../log/history/history.js';
import { refusalIn } from '../../log/history/refused-update.js';
import type { Config } from '../../server/config.js';
import type { Logger } from '../../server/logger.js';
import { isTaskFailure } from '../../outages/temporal-outage.js';
import { withTimeout } from '../../outages/timeout.js';
import { didNothing } from '../../log/workflow/answer.js';
import { commandIdOf, keyOf } from '../../log/workflow/command-id.js';
import { eventsOf } from '../../log/workflow/preview.js';
import {
  type EntityPreview,
  type Message,
  messageId,
  messagesWaiting,
  type PreviewRequest,
  previewQuery,
  type Remembered,
} from '../../log/workflow/messages.js';
import {
  idReserved,
  journalUnavailable,
  keyReused,
  notFound,
  orderClosed,
  previewUnavailable,
  stale,
  tooManyFacts,
  workflowEnded,
  type Refused,
} from './refusals.js';
import { createSealing } from './sealed-send.js';
import { createCreation } from './create.js';
import { contextOf, whileAvailable } from './gateway-context.js';
import { messageTo } from './message.js';
import { type Preview, previewOf } from './preview.js';
import { previewKey, type SealingKeys, withoutPreviewKey } from './sealed.js';

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

/** How long a workflow is waited for until its history is read instead. */
const PREVIEW_WITHIN_MS = 2_000;
const RESEND_AFTER_MS = 100;

/**
 * A run ended before it handled the update, such as by continue-as-new: the next run takes it under
 * the same id.
 */
const unprocessed = new Set(['UnprocessedUpdate', 'AcceptedUpdateCompletedWorkflow']);

export function createGateway(options: GatewayOptions): Gateway {
  const context = contextOf(options);
  const {
    client,
    readJournal,
    recall,
    hasRoomForFacts,
    orderInView,
    logger,
    answerWithinMs,
    inTime,
    outcomeOf,
  } = context;
  const knowsRoom = whileAvailable(hasRoomForFacts, context.journalWithinMs);
  const sealing = createSealing(context);
  const { sealedTo } = sealing;
  const { newOrder, create } = createCreation(context, sealing);

  async function previewCreate(
    id: string | undefined,
    body: OrderBody,
    meta: CommandMeta,
  ): Promise<CommandResult> {
    const pending = await newOrder(id, body, meta, keyOfPreviews);
    if ('kind' in pending) return pending;
    const { message, order, events, isReserved } = pending;
    const { orderId } = order;
    return await previewed(orderId, message, async () => {
      const existing = (await pending.recorded()) ?? (await pending.started());
      if (existing !== undefined) return existing;
      if (isReserved) return idReserved(orderId);
      return { kind: 'previewed', preview: previewOf(undefined, events), replayed: false };
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

function idsOf({ issuer, key, correlationId }: CommandMeta): Pick<Message, 'commandId' | 'correlationId'> {
  return { commandId: commandIdOf(issuer, key), correlationId };
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
