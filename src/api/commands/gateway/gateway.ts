import type { Client } from '@temporalio/client';
import type { Asking } from '../../../log/gateway/ask-repeatedly.js';
import type { CommandMeta } from '../../../log/gateway/message.js';
import type { Outcome } from '../../../log/gateway/outcome.js';
import type { CommandAnswer } from '../../../order-log.js';
import type { CommandData, Fact, FollowUpCommand, Terms } from '../../../order/commands.js';
import type { OrderEvent } from '../../../order/events.js';
import type { Order } from '../../../order/order.js';
import type { Logger } from '../../../server/logging/logger.js';
import type { Preview } from './preview.js';
import type { SealingKeys } from './sealed-commands.js';

/**
 * Sends commands and facts to an order's workflow. It is used by the HTTP API, for commands from
 * Kafka, and by the client scripts. It gets personal data in plain text, and seals it before it
 * sends anything. It depends on Temporal, but not on HTTP. Every outcome is a value; an exception
 * is a defect, or a message that is larger than Temporal takes.
 */
export interface Gateway {
  /**
   * Starts an order, which needs neither MongoDB nor a worker. Once the answer comes, the order is
   * durable. Without an `id`, the order's id derives from the issuer and the key.
   */
  create(id: string | undefined, order: OrderBody, meta: CommandMeta): Promise<CommandResult>;
  /** Sends a command, and waits some seconds for the workflow's answer. */
  execute(orderId: string, command: FollowUpCommand, meta: CommandMeta): Promise<CommandResult>;
  /**
   * Sends a command as a signal, which is durable once accepted. If the command is not allowed, it
   * becomes a `CommandRejected` event.
   */
  signal(orderId: string, command: FollowUpCommand, meta: CommandMeta): Promise<CommandResult>;
  /**
   * Says what `create` would do, without doing it. It uses up no idempotency key, and makes no key
   * for the customer.
   */
  previewCreate(id: string | undefined, order: OrderBody, meta: CommandMeta): Promise<CommandResult>;
  /**
   * What `execute` would do, or why it would be refused. The workflow is asked; if no worker
   * answers, its history is read.
   */
  preview(orderId: string, command: FollowUpCommand, meta: CommandMeta): Promise<CommandResult>;
  /**
   * Sends a fact as a signal, which is durable once accepted. If the order's state does not allow
   * the fact yet, it waits in the order's log (`FactReceived`).
   */
  fact(orderId: string, fact: Fact, meta: CommandMeta): Promise<CommandResult>;
}

/** A new order without the terms and the rules, which the gateway adds. */
export type OrderBody = Omit<CommandData['CreateOrder'], 'terms' | 'rules'>;

export type CommandResult =
  | Outcome<CommandAnswer>
  /** durable, without an answer of the workflow */
  | { readonly kind: 'accepted'; readonly orderId: string; readonly replayed: boolean }
  /** nothing was done; `replayed`: the command was answered before, so it would do nothing */
  | { readonly kind: 'previewed'; readonly preview: Preview; readonly replayed: boolean };

/** Narrows the type of an outcome, which is the same for all entities, to that of orders. */
export function asOrderResult(outcome: CommandResult | Outcome): CommandResult {
  return outcome as CommandResult;
}

export interface GatewayOptions extends Pick<Asking, 'recall'> {
  readonly client: Client;
  readonly taskQueue: string;
  /** given to every order at its creation */
  readonly terms: Terms;
  readonly continueAsNewAfter?: number;
  /**
   * An order's events in the journal, version 1 first, at most `limit`. May fail: then a create
   * continues without them. Another command that needs them is refused for now, or its outcome is
   * unknown.
   */
  readonly readJournal: (orderId: string, limit?: number) => Promise<readonly OrderEvent[]>;
  /**
   * Whether an order has room for another waiting fact (`FactReceived`). If this fails, the gateway
   * assumes that there is room.
   */
  readonly hasRoomForFacts: (orderId: string) => Promise<boolean>;
  /** The id of an order's customer, from the view; undefined if there is no view. May fail. */
  readonly customerInView: (orderId: string) => Promise<string | undefined>;
  /** The order as its view has it; undefined if there is no view. May fail. */
  readonly orderInView: (orderId: string) => Promise<Order | undefined>;
  /** the keys that seal the personal data in commands */
  readonly keyStore: SealingKeys;
  readonly logger: Logger;
  /** how long to wait for an answer of Temporal and the workers; 5 s by default */
  readonly answerWithinMs?: number | undefined;
  /** how long to wait for a read that may fail; 300 ms by default */
  readonly journalWithinMs?: number | undefined;
}
