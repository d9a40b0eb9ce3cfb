import {
  ApplicationFailure,
  type Client,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
} from '@temporalio/client';
import { refusalIn } from '../../log/history/refused-update.js';
import { type Message, messageId, type Remembered } from '../../log/workflow/messages.js';
import { type Answer, type CommandAnswer, workflowId } from '../../order-log.js';
import type { CommandData, Fact, FollowUpCommand, FollowUpType, Terms } from '../../order/commands.js';
import type { OrderEvent } from '../../order/events.js';
import type { Order } from '../../order/order.js';
import { isTaskFailure } from '../../outages/temporal-outage.js';
import type { Config } from '../../server/config.js';
import type { Logger } from '../../server/logger.js';
import { askAgain } from './ask-again.js';
import { createCreation } from './create.js';
import { contextOf, type GatewayContext, whileAvailable } from './gateway-context.js';
import { idsOf, messageTo } from './message.js';
import type { Preview } from './preview.js';
import { createPreviews } from './previews.js';
import { type Refused, tooManyFacts } from './refusals.js';
import type { SealingKeys } from './sealed.js';
import { createSealing } from './sealed-send.js';
import { withoutWorkflow } from './without-workflow.js';

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
   * answers, its history is read.
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
  /** nothing was done; `replayed`: the command was answered before, so it would do nothing */
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
   * An order's events in the journal, version 1 first, at most `limit`. May fail: the gateway
   * continues without.
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

/**
 * A run ended before it handled the update, such as by continue-as-new: the next run takes it under
 * the same id.
 */
const unprocessed = new Set(['UnprocessedUpdate', 'AcceptedUpdateCompletedWorkflow']);

export function createGateway(options: GatewayOptions): Gateway {
  const context = contextOf(options);
  const sealing = createSealing(context);
  const creation = createCreation(context, sealing);
  const knowsRoom = whileAvailable(context.hasRoomForFacts, context.journalWithinMs);
  const { sealedTo } = sealing;

  function execute(orderId: string, command: FollowUpCommand, meta: CommandMeta): Promise<CommandResult> {
    return context.outcomeOf(orderId, idsOf(meta), () =>
      sealedTo(orderId, command, meta, (one) => executeSealed(context, orderId, one, meta)),
    );
  }

  function signal(orderId: string, command: FollowUpCommand, meta: CommandMeta): Promise<CommandResult> {
    return context.outcomeOf(orderId, idsOf(meta), () =>
      sealedTo(orderId, command, meta, ({ type, data }) =>
        send(context, orderId, type, messageTo(orderId, type, data, meta)),
      ),
    );
  }

  async function fact(orderId: string, { type, data }: Fact, meta: CommandMeta): Promise<CommandResult> {
    if ((await knowsRoom(orderId)) === false) return tooManyFacts(orderId);
    return await send(context, orderId, type, messageTo(orderId, type, data, meta));
  }

  return { create: creation.create, execute, signal, fact, ...createPreviews(context, sealing, creation) };
}

function executeSealed(
  context: GatewayContext,
  orderId: string,
  { type, data }: FollowUpCommand,
  meta: CommandMeta,
): Promise<CommandResult> {
  return askAgain(context, orderId, messageTo(orderId, type, data, meta), (message, giveUpAt) =>
    context.client.connection.withDeadline(giveUpAt, () => update(context, orderId, type, message)),
  );
}

async function update(
  context: GatewayContext,
  orderId: string,
  type: FollowUpType,
  message: Message,
): Promise<CommandResult | 'unprocessed'> {
  const handle = context.client.workflow.getHandle(workflowId(orderId));
  try {
    const { requestId, ...answer } = await handle.executeUpdate<Answer, [Message]>(type, {
      args: [message],
      updateId: messageId(message),
    });
    return { kind: 'answered', answer, replayed: requestId !== message.requestId };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return withoutWorkflow(context, orderId, message, 'update');
    if (isTaskFailure(error)) return 'unprocessed';
    if (isUnprocessed(error)) return 'unprocessed';
    const refused = refusalIn(error);
    if (refused === undefined) throw error;
    return { kind: 'refused', ...refused };
  }
}

function send(
  context: GatewayContext,
  orderId: string,
  name: string,
  message: Message,
): Promise<CommandResult> {
  const { client, inTime, outcomeOf } = context;
  return outcomeOf(orderId, message, async () => {
    try {
      await inTime(() => client.workflow.getHandle(workflowId(orderId)).signal<[Message]>(name, message));
      return { kind: 'accepted', orderId, replayed: false };
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError)) throw error;
      return withoutWorkflow(context, orderId, message, 'signal');
    }
  });
}

function isUnprocessed(error: unknown): boolean {
  if (!(error instanceof WorkflowUpdateFailedError) || !(error.cause instanceof ApplicationFailure))
    return false;
  return unprocessed.has(error.cause.type ?? '');
}
