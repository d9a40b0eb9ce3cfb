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
 * Sends commands and facts to an order's workflow, for the HTTP API and the client scripts alike.
 * Gets personal data in plain text, and seals it under its customer's key before it sends anything.
 * Knows Temporal, but not HTTP. Every outcome is a value; an exception is a defect.
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
  /**
   * Says what `create` would do, and does none of it. It uses up no idempotency key, and makes no
   * key for the customer.
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

/** Narrows an outcome of the log, which knows no order, to the types of an order. */
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
   * An order's events in the journal, version 1 first, at most `limit`. If it fails, the gateway
   * continues without the events.
   */
  readonly readJournal: (orderId: string, limit?: number) => Promise<readonly OrderEvent[]>;
  /**
   * Whether an order has room for a fact that does not fit yet. If it fails, the gateway assumes
   * that there is room.
   */
  readonly hasRoomForFacts: (orderId: string) => Promise<boolean>;
  /** The customer of an order, by its view; undefined if it has none. May fail. */
  readonly customerInView: (orderId: string) => Promise<string | undefined>;
  /** The order in its view; undefined if it has none. May fail. */
  readonly orderInView: (orderId: string) => Promise<Order | undefined>;
  /** the keys that seal the personal data in commands */
  readonly keyStore: SealingKeys;
  readonly logger: Logger;
  /** how long to wait for an answer of Temporal and the workers; 5 s by default */
  readonly answerWithinMs?: number | undefined;
  /** how long to wait for a read that may fail; 300 ms by default */
  readonly journalWithinMs?: number | undefined;
}
