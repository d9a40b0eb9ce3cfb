import type {
  Address,
  DeliveryFact,
  DispatchFact,
  FactType,
  ForgottenPerson,
  LineQuantity,
  NewLine,
  OrderHeader,
  PaymentFact,
  PaymentMethod,
} from './commands.js';
import type { Envelope } from '../log/entity.js';

export type { Cause, Envelope, StoredEvent } from '../log/entity.js';

/**
 * The persisted shape of every event, by its type. A change needs a new version in `schemaVersions`
 * and an upcaster (docs/guides/own-event.md). Types are in the past tense. Amounts are in minor
 * units of the order's currency. Times are ISO-8601 UTC.
 */
export interface EventData {
  OrderCreated: OrderHeader & {
    readonly lines: readonly NewLine[];
    readonly charges: Charges;
    readonly total: number;
    readonly note?: string;
    readonly tags: readonly string[];
    /** the rules that the order is decided by, from its creation to its end (`followsRules`) */
    readonly rules: number;
  };
  StockReserved: { readonly lines: readonly LineQuantity[] };
  StockRefused: { readonly missing: readonly MissingStock[] };
  StockReleased: { readonly lines: readonly LineQuantity[] };
  StockDeducted: { readonly shipmentId: string };
  StockRestocked: { readonly returnId: string };
  PaymentAuthorized: {
    readonly authorizationId: string;
    readonly amount: number;
    readonly expiresAt: string;
  };
  PaymentPending: { readonly authorizationId: string; readonly amount: number; readonly deadline: string };
  /** `authorizationId` is present only if the authorization was pending before. */
  PaymentDeclined: { readonly authorizationId?: string; readonly code: string };
  PaymentTimedOut: { readonly authorizationId: string };
  AuthorizationExpired: { readonly authorizationId: string };
  AuthorizationVoided: { readonly authorizationId: string; readonly amount: number };
  PaymentCaptured: {
    readonly captureId: string;
    readonly shipmentId: string;
    readonly authorizationId: string;
    readonly amount: number;
  };
  CaptureDeclined: { readonly shipmentId: string; readonly amount: number; readonly code: string };
  CaptureRequested: { readonly payment?: PaymentMethod };
  CaptureWrittenOff: { readonly amount: number; readonly reason: string };
  PaymentRefunded: { readonly refundId: string; readonly captureId: string; readonly amount: number };
  OrderConfirmed: Empty;
  OrderRejected: { readonly reason: 'out_of_stock' | 'payment_declined'; readonly detail: string };
  OrderExpired: Empty;
  OrderHeld: { readonly cause: HoldCause; readonly reason: string };
  OrderReleased: { readonly cause: HoldCause };
  /** Everything that was not dispatched is cancelled; `lines` has these units. */
  OrderCancelled: { readonly reason: string; readonly lines: readonly LineQuantity[] };
  AmendmentRequested: {
    readonly lines?: readonly NewLine[];
    readonly total?: number;
    readonly shippingAddress?: Address;
  };
  OrderAmended: Empty;
  AmendmentRefused: {
    readonly reason: 'out_of_stock' | 'payment_declined' | 'payment_timed_out';
    readonly detail: string;
  };
  ShipmentCreated: { readonly shipmentId: string; readonly lines: readonly LineQuantity[] };
  LabelRequested: { readonly shipmentId: string; readonly carrier?: string };
  LabelBooked: {
    readonly shipmentId: string;
    readonly carrier: string;
    readonly trackingNumber: string;
    readonly labelUrl?: string;
  };
  /** The label was refused; another one may be requested. */
  LabelRefused: { readonly shipmentId: string; readonly code: string };
  /** `amount` is what will be captured for this shipment. */
  ShipmentDispatched: {
    readonly shipmentId: string;
    readonly carrier: string;
    readonly trackingNumber: string;
    readonly amount: number;
  };
  ShipmentDelivered: { readonly shipmentId: string };
  ReturnRequested: {
    readonly returnId: string;
    readonly lines: readonly LineQuantity[];
    readonly reason: string;
  };
  ReturnReceived: { readonly returnId: string };
  RefundRequested: {
    readonly refundId: string;
    readonly amount: number;
    readonly reason: string;
    readonly returnId?: string;
  };
  OrderCompleted: { readonly returnsUntil: string };
  OrderClosed: Empty;
  /**
   * The order's workflow was restarted from the journal. `previousRunId` is the id of the run that
   * had ended or was restored to an earlier state, if it is known.
   */
  OrderResumed: { readonly reason: string; readonly previousRunId?: string };
  /**
   * The keys of the order's customer are destroyed, so nothing that was sealed under them can be
   * opened. This event is kept, so it must have no personal data.
   */
  PersonForgotten: ForgottenPerson;
  NoteAdded: { readonly text: string };
  /** A command did not fit the state, and its caller does not wait for an answer. */
  CommandRejected: { readonly command: string; readonly code: string; readonly message: string };
  /** A fact does not fit the order's state yet. It waits, and is applied when it fits. */
  FactReceived: {
    readonly fact: FactType;
    readonly data: PaymentFact | DispatchFact | DeliveryFact;
    /** why it does not fit yet */
    readonly reason: string;
  };
  /** A fact did not fit for a day, or until the order's end. An operator must look at it. */
  FactUnmatched: {
    /** `commandId` of its `FactReceived` */
    readonly factId: string;
    readonly fact: FactType;
    readonly reason: 'waited_too_long' | 'order_ended';
  };
}

type Empty = Readonly<Record<string, never>>;

/** What is charged in addition to the goods; `discount` is subtracted. */
export interface Charges {
  readonly shippingFee: number;
  readonly tax: number;
  readonly discount: number;
}

export interface MissingStock {
  readonly sku: string;
  readonly requested: number;
  readonly available: number;
}

/** Why an order is held: by the command `HoldOrder`, or because a capture was declined. */
export type HoldCause = 'command' | 'capture_declined';

export type EventType = keyof EventData;

/** An event before it is appended to the log: it has no envelope yet. */
export type EventDraft = { [T in EventType]: { readonly type: T; readonly data: EventData[T] } }[EventType];

/** One event of an order's log, in its current shape. */
export type OrderEvent = EventDraft & Envelope;

export type EventOf<T extends EventType> = Extract<OrderEvent, { readonly type: T }>;

/**
 * The version in which each event is written. Older versions stay as they are in journals and
 * histories; `upcast` reads them.
 */
export const schemaVersions: Readonly<Record<EventType, number>> = {
  OrderCreated: 3,
  StockReserved: 1,
  StockRefused: 1,
  StockReleased: 1,
  StockDeducted: 1,
  StockRestocked: 1,
  PaymentAuthorized: 1,
  PaymentPending: 1,
  PaymentDeclined: 1,
  PaymentTimedOut: 1,
  AuthorizationExpired: 1,
  AuthorizationVoided: 1,
  PaymentCaptured: 1,
  CaptureDeclined: 1,
  CaptureRequested: 1,
  CaptureWrittenOff: 1,
  PaymentRefunded: 1,
  OrderConfirmed: 1,
  OrderRejected: 1,
  OrderExpired: 1,
  OrderHeld: 1,
  OrderReleased: 1,
  OrderCancelled: 1,
  AmendmentRequested: 1,
  OrderAmended: 1,
  AmendmentRefused: 1,
  ShipmentCreated: 1,
  LabelRequested: 1,
  LabelBooked: 1,
  LabelRefused: 1,
  ShipmentDispatched: 1,
  ShipmentDelivered: 1,
  ReturnRequested: 1,
  ReturnReceived: 1,
  RefundRequested: 1,
  OrderCompleted: 1,
  OrderClosed: 1,
  OrderResumed: 1,
  PersonForgotten: 1,
  NoteAdded: 1,
  CommandRejected: 1,
  FactReceived: 1,
  FactUnmatched: 1,
};

/** What each event means, in a sentence. */
export const eventMeanings: Readonly<Record<EventType, string>> = {
  OrderCreated: 'An order was accepted; its first event.',
  StockReserved: 'The stock of the lines is reserved.',
  StockRefused: 'The stock of at least one SKU is too low to reserve the lines.',
  StockReleased: 'Reserved units were released.',
  StockDeducted: 'The units of a dispatched shipment were deducted from the stock.',
  StockRestocked: 'The units of a received return were added to the stock.',
  PaymentAuthorized: 'The payment provider has authorized an amount, which can be captured until it expires.',
  PaymentPending:
    'The payment provider has not decided yet. Its webhook or the deadline settles the payment.',
  PaymentDeclined: 'The payment provider has declined a payment.',
  PaymentTimedOut: 'A pending payment was not settled by its deadline.',
  AuthorizationExpired: 'An authorization can no longer be captured.',
  AuthorizationVoided: 'The rest of an authorization was voided.',
  PaymentCaptured: 'The amount of a shipment was captured, or a part of it.',
  CaptureDeclined: 'The capture for a shipment was declined, so the order is held.',
  CaptureRequested: 'A declined capture is to be tried again.',
  CaptureWrittenOff: 'A declined capture was given up.',
  RefundRequested: 'An amount is to be refunded.',
  PaymentRefunded: 'An amount was refunded.',
  OrderConfirmed: 'Stock is reserved and the payment is authorized.',
  OrderRejected: 'The order could not be confirmed, and has ended.',
  OrderExpired: 'The first payment was not settled by its deadline, and the order has ended.',
  OrderHeld: 'The order is on hold: nothing is shipped until it is released.',
  OrderReleased: 'A hold was lifted.',
  OrderCancelled: 'Everything that was not dispatched is cancelled.',
  OrderCompleted: 'Everything that was not cancelled is delivered, and captured or written off.',
  OrderClosed: 'The return window has passed, and the order has ended.',
  AmendmentRequested:
    'An amendment of lines or address is requested; the old ones stay in force until its stock and payment are secured.',
  OrderAmended: 'The amendment is in force.',
  AmendmentRefused:
    'Stock or payment of the amendment could not be secured; the old lines and address stay in force.',
  ShipmentCreated: 'A shipment of some lines was created.',
  LabelRequested: 'A label is to be booked with a carrier.',
  LabelBooked: 'The label of a shipment is booked.',
  LabelRefused: 'The label of a shipment was refused; another one may be requested.',
  ShipmentDispatched: 'A shipment was handed to its carrier, so its amount is due.',
  ShipmentDelivered: 'A shipment was delivered.',
  ReturnRequested: 'The customer wants to return some lines.',
  ReturnReceived: 'The goods of a return were received.',
  NoteAdded: 'A note was added to the order.',
  FactReceived: 'A fact from outside does not fit yet, and waits until it fits.',
  FactUnmatched: 'A fact waited for a day, or until the order ended, and did not fit.',
  CommandRejected: 'A command was refused whose sender does not wait for an answer.',
  OrderResumed: 'The workflow was started again from the journal.',
  PersonForgotten: 'The personal values of the order can no longer be opened.',
};
