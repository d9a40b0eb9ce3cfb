import type { CommandData, CommandType } from '../domain/commands.js';
import type { Effect, Outcomes, EffectType, PaymentFact } from '../domain/effects.js';
import type { EventType, StoredEvent } from '../domain/events.js';
import type { Order, OrderStatus } from '../domain/order.js';
import type { Refusal } from '../domain/refusal.js';

/** Name of the workflow type; an order's workflow id is `order-<orderId>`. */
export const orderWorkflow = 'order';

export function workflowId(orderId: string): string {
  return `order-${orderId}`;
}

/** Search attributes, all keywords, registered by set-up. */
export const searchAttributes = { status: 'OrderStatus', customer: 'CustomerId' } as const;
/** Their names. */
export const SEARCH_ATTRIBUTES: readonly string[] = Object.values(searchAttributes);

/** Query: the order as the workflow has it. */
export const stateQuery = 'state';

/** Signal: what the payment provider tells of its own accord. */
export const paymentSignal = 'PaymentSettled';

/** A command on its way to an order: an update where an answer is wanted, a signal of the same name where not. */
export interface Message<D = unknown> {
  readonly data: D;
  /** the `Idempotency-Key` */
  readonly commandId: string;
  /** of the body: the same key with another body is another command, and refused */
  readonly hash: string;
  readonly correlationId: string;
  readonly actor: string;
  /** judged against this version only (`If-Match`) */
  readonly expectedVersion?: number;
  /** made anew for each try: an answer with another one is an earlier answer */
  readonly requestId: string;
}

export type CommandMessage<T extends CommandType> = Message<CommandData[T]>;
export type PaymentMessage = Message<PaymentFact>;

/** Id of an update, and `causationId` of the events a command led to. */
export function messageId({ commandId, hash }: Pick<Message, 'commandId' | 'hash'>): string {
  return `${commandId}.${hash}`;
}

export interface Answer {
  readonly orderId: string;
  readonly version: number;
  readonly status: OrderStatus;
  readonly events: readonly { readonly version: number; readonly type: EventType }[];
  readonly shipmentId?: string;
  readonly returnId?: string;
  /** of the message that was decided on */
  readonly requestId: string;
}

/** Why an update was refused: the `details[0]` of an `ApplicationFailure` whose `type` is the code. */
export interface RefusedUpdate {
  readonly refusal: Omit<Refusal, 'kind'> & {
    readonly kind: Refusal['kind'] | 'key_reused' | 'stale_version' | 'halted' | 'busy';
  };
  readonly version: number;
  readonly status: OrderStatus;
  readonly allowedCommands: readonly string[];
}

/** What starts an order's workflow. */
export interface NewOrder {
  readonly orderId: string;
  readonly create: CommandMessage<'CreateOrder'>;
  /** continue as new beyond this many history events, rather than when the server suggests it (tests) */
  readonly continueAsNewAfter?: number;
}

/** What the next run of an order's workflow goes on with. */
export interface ContinuedOrder extends Omit<NewOrder, 'create'> {
  /** at version n; effects issued and not settled are owed in it */
  readonly order: Order;
  /** as they were decided, by an earlier version of this code perhaps: they are passed on as they are */
  readonly unrecorded: readonly StoredEvent[];
  readonly remembered: readonly Remembered[];
  readonly halted?: Halt;
}

/** A command that was answered, oldest first. */
export interface Remembered {
  readonly commandId: string;
  readonly hash: string;
  readonly answer: Answer;
}

/** Why an order stopped for good: its journal holds another event under a version of its own (`EventFork`). */
export interface Halt {
  readonly code: string;
  readonly message: string;
}

/** Answer to `stateQuery`. */
export interface OrderState {
  readonly order: Order;
  readonly unrecorded: number;
  readonly halted?: Halt;
}

/** What the workflow returns when it ends. */
export interface OrderEnd {
  readonly orderId: string;
  readonly status: OrderStatus;
  readonly version: number;
}

/**
 * Input of every activity, one activity per step of an order: record the events, then perform the effect where there is one.
 * The `events` of all steps, in history order, are the order's log.
 */
export interface Step<T extends EffectType = EffectType> {
  readonly events: readonly StoredEvent[];
  readonly effect?: Extract<Effect, { type: T }>;
}

/** The activities, named after the effect they perform, so that a row in the Web UI says what it is about. */
export type Steps = { [T in EffectType]: (step: Step<T>) => Promise<Outcomes[T]> } & {
  record: (step: Step) => Promise<void>;
};

/** Failure type of an activity that found another event under the same version. Never retried. */
export const eventFork = 'EventFork';
