import type {
  Address,
  Customer,
  DeliveryFact,
  DispatchFact,
  FactType,
  LineQuantity,
  NewLine,
  PaymentFact,
  PaymentMethod,
  Terms,
} from './commands.js';

/**
 * The persisted shape of every event, by its type: past tense, and never changed without a new version in `schemaVersions` and an
 * upcaster (docs/versioning.md).
 * Amounts are in minor units of the order's currency, times are ISO-8601 UTC.
 */
export interface EventData {
  OrderCreated: {
    readonly customer: Customer;
    readonly currency: string;
    readonly lines: readonly NewLine[];
    readonly charges: Charges;
    readonly total: number;
    readonly shippingAddress?: Address;
    readonly payment: PaymentMethod;
    readonly note?: string;
    readonly tags: readonly string[];
    readonly terms: Terms;
    /** the rules that decide this order, fixed at its creation (`isUnder`) */
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
  /** Names the authorization only where one had been pending. */
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
  /** Cancels all that is not dispatched: `lines` is what that was. */
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
  /** `amount` is what is captured for this shipment. */
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
  /** Its workflow was started anew from the journal. `previousRunId`: the run that had ended, or was rewound, where one is known. */
  OrderResumed: { readonly reason: string; readonly previousRunId?: string };
  NoteAdded: { readonly text: string };
  /** A command that did not fit the state, and whose caller waits for no answer. */
  CommandRejected: { readonly command: string; readonly code: string; readonly message: string };
  /** Something has happened outside that does not fit the order yet: it waits, and is applied when it does. */
  FactReceived: {
    readonly fact: FactType;
    readonly data: PaymentFact | DispatchFact | DeliveryFact;
    /** why it does not fit yet */
    readonly reason: string;
  };
  /** A fact still does not fit, after a day or at the order's end: a person must look at it. */
  FactUnmatched: {
    /** command id of the `FactReceived` */
    readonly factId: string;
    readonly fact: FactType;
    readonly reason: 'waited_too_long' | 'order_ended';
  };
}

type Empty = Readonly<Record<string, never>>;

/** What is charged beside the goods; `discount` is taken off. */
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

/** Who holds an order: a person, or the capture that was declined. */
export type HoldCause = 'command' | 'capture_declined';

export type EventType = keyof EventData;

/** The version in which each event is written. Older ones stay in journals and histories as they are: `upcast` reads them. */
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
  ShipmentDispatched: 1,
  ShipmentDelivered: 1,
  ReturnRequested: 1,
  ReturnReceived: 1,
  RefundRequested: 1,
  OrderCompleted: 1,
  OrderClosed: 1,
  OrderResumed: 1,
  NoteAdded: 1,
  CommandRejected: 1,
  FactReceived: 1,
  FactUnmatched: 1,
};

/** An event before it has a place in the log. */
export type EventDraft = { [T in EventType]: { readonly type: T; readonly data: EventData[T] } }[EventType];

/** Why and by whom: the same for all events of one decision. */
export interface Cause {
  /** ISO-8601 UTC, the workflow's clock */
  readonly occurredAt: string;
  /** the command's id (`Idempotency-Key`); for an outcome or a deadline, what `causationId` says */
  readonly commandId: string;
  /** the same for all that one request led to */
  readonly correlationId: string;
  /** the message that was decided on: `<commandId>.<hash of its body>`, the key of an effect, or a deadline's name */
  readonly causationId: string;
  readonly actor: string;
}

export interface Envelope extends Cause {
  readonly orderId: string;
  /** 1, 2, 3 … without gaps within the order */
  readonly version: number;
  readonly schemaVersion: number;
}

/** One event of an order's log, in the shape of today. */
export type OrderEvent = EventDraft & Envelope;

/**
 * An event as it was once written, the same in the workflow history and in the journal: of today's version or an older one. It
 * is passed on and recorded as it stands; whoever wants to know what it says asks `upcast`.
 */
export interface StoredEvent extends Envelope {
  readonly type: EventType;
  readonly data: Readonly<Record<string, unknown>>;
}
