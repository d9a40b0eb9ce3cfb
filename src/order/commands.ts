/*
 * The shapes of commands and facts. `decide` says when a command is allowed, and which events it
 * leads to; `judgeFact` says when a fact fits.
 */

export interface Customer {
  readonly id: string;
  readonly name: string;
  readonly email?: string;
}

export interface Address {
  readonly name?: string;
  readonly street: string;
  readonly city: string;
  readonly postalCode?: string;
  readonly region?: string;
  /** ISO-3166 alpha-2 */
  readonly country: string;
}

export interface LineQuantity {
  readonly sku: string;
  readonly quantity: number;
}

/** `unitPrice` is in minor units of the order's currency. */
export interface NewLine extends LineQuantity {
  readonly unitPrice: number;
  readonly name?: string;
}

/** A line after an amendment. A SKU of the order keeps its price and name by default. */
export interface AmendedLine extends LineQuantity {
  readonly unitPrice?: number;
  readonly name?: string;
}

/** A token of the payment provider; never a card number. */
export interface PaymentMethod {
  readonly method: string;
}

/** Periods in milliseconds, fixed for an order at its creation. */
export interface Terms {
  /** how long a payment may stay pending after the provider has answered `pending` */
  readonly paymentDeadline: number;
  /** how long after completion a return may be requested */
  readonly returnWindow: number;
  /** how long an authorization may be captured */
  readonly authorizationTtl: number;
}

/**
 * The members that an order's command, event and state have in common, besides lines and amounts.
 */
export interface OrderHeader {
  readonly customer: Customer;
  readonly currency: string;
  readonly shippingAddress?: Address;
  readonly payment: PaymentMethod;
  readonly terms: Terms;
}

/** The data of each command by its type. Amounts are in minor units. */
export interface CommandData {
  CreateOrder: OrderHeader & {
    readonly lines: readonly NewLine[];
    readonly shippingFee?: number;
    readonly tax?: number;
    readonly discount?: number;
    readonly note?: string;
    readonly tags?: readonly string[];
    /**
     * `RULES_TODAY` of the gateway that accepts the order; absent in commands older than rules 2
     */
    readonly rules?: number;
  };
  HoldOrder: { readonly reason: string };
  ReleaseOrder: Readonly<Record<string, never>>;
  CancelOrder: { readonly reason: string };
  /** `lines` replace all lines of the order; by default, the lines stay. */
  AmendOrder: { readonly lines?: readonly AmendedLine[]; readonly shippingAddress?: Address };
  /** `lines`: by default, everything that is not in a shipment yet. */
  CreateShipment: { readonly lines?: readonly LineQuantity[] };
  /** `carrier`: by default, the provider chooses. */
  RequestLabel: { readonly shipmentId: string; readonly carrier?: string };
  /** `carrier` and `trackingNumber`: by default, those of the booked label. */
  DispatchShipment: {
    readonly shipmentId: string;
    readonly carrier?: string;
    readonly trackingNumber?: string;
  };
  DeliverShipment: { readonly shipmentId: string };
  CapturePayment: { readonly payment?: PaymentMethod };
  WriteOffCapture: { readonly reason: string };
  RequestReturn: { readonly lines: readonly LineQuantity[]; readonly reason: string };
  ReceiveReturn: { readonly returnId: string };
  RefundPayment: { readonly amount: number; readonly reason: string };
  AddNote: { readonly text: string };
}

export type CommandType = keyof CommandData;
export type CommandOf<T extends CommandType> = {
  [K in T]: { readonly type: K; readonly data: CommandData[K] };
}[T];

/** What the log keeps of a forgotten customer; it must have no personal data. */
export interface ForgottenPerson {
  readonly customerId: string;
  /** ids of the destroyed keys; a key that a restored backup brings back is destroyed again */
  readonly keys: readonly string[];
  readonly reason: string;
  /** such as `GDPR Art. 17` */
  readonly lawfulBasis?: string;
}

/**
 * The system's own command. The workflow `forgetPerson` sends it after it has destroyed the keys;
 * no client may send it.
 */
export interface ForgetPerson {
  readonly type: 'ForgetPerson';
  readonly data: ForgottenPerson;
}
export const forgetPerson = 'ForgetPerson' satisfies ForgetPerson['type'];

export type Command = CommandOf<CommandType> | ForgetPerson;

/** A command to an order that exists already. */
export type FollowUpType = Exclude<CommandType, 'CreateOrder'>;
export type FollowUpCommand = CommandOf<FollowUpType>;

/**
 * The payment provider's final answer about a payment that was pending. `reference` is the key of
 * the authorize effect.
 */
export interface PaymentFact {
  readonly reference: string;
  readonly authorizationId: string;
  readonly outcome: 'authorized' | 'declined';
  readonly code?: string;
}

/**
 * Something that has happened outside. Unlike a command, a fact cannot be refused. If it does not
 * fit the order's state yet, it waits.
 */
export interface FactData {
  /** the payment provider settles a pending payment */
  PaymentSettled: PaymentFact;
  /** the carrier has picked up a shipment, or has delivered it */
  ShipmentDispatched: DispatchFact;
  ShipmentDelivered: DeliveryFact;
}

export interface DeliveryFact {
  readonly shipmentId: string;
}

export interface DispatchFact extends DeliveryFact {
  readonly carrier: string;
  readonly trackingNumber: string;
}

/**
 * The names are written out, because `test/golden` reads the shapes of events from these
 * declarations.
 */
export type FactType = 'PaymentSettled' | 'ShipmentDispatched' | 'ShipmentDelivered';
export type Fact = { [T in FactType]: { readonly type: T; readonly data: FactData[T] } }[FactType];

export const factTypes = [
  'PaymentSettled',
  'ShipmentDispatched',
  'ShipmentDelivered',
] as const satisfies readonly (keyof FactData)[];

/**
 * The last segment of a command's path, and its name in `allowedCommands`. The rest of what clients
 * see of a command is in `api/commands/table.ts`.
 */
export const segments = {
  HoldOrder: 'hold',
  ReleaseOrder: 'release',
  CancelOrder: 'cancel',
  AmendOrder: 'amend',
  CreateShipment: 'shipments',
  RequestLabel: 'label',
  DispatchShipment: 'dispatch',
  DeliverShipment: 'deliver',
  CapturePayment: 'capture',
  WriteOffCapture: 'write-off',
  RequestReturn: 'returns',
  ReceiveReturn: 'receive',
  RefundPayment: 'refunds',
  AddNote: 'notes',
} as const satisfies Record<FollowUpType, string>;

type CommandTypeWith<Id extends object> = {
  [T in FollowUpType]: CommandData[T] extends Id ? T : never;
}[FollowUpType];

/** Commands to one shipment: their data has its `shipmentId`. */
export type ShipmentCommandType = CommandTypeWith<{ readonly shipmentId: string }>;
/** Commands to one return: their data has its `returnId`. */
export type ReturnCommandType = CommandTypeWith<{ readonly returnId: string }>;

const parts: Readonly<Partial<Record<FollowUpType, 'shipment' | 'return'>>> = {
  RequestLabel: 'shipment',
  DispatchShipment: 'shipment',
  DeliverShipment: 'shipment',
  ReceiveReturn: 'return',
} satisfies Record<ShipmentCommandType, 'shipment'> & Record<ReturnCommandType, 'return'>;

/** The part of an order that a command goes to; undefined if it goes to the whole order. */
export function partOf(type: FollowUpType): 'shipment' | 'return' | undefined {
  return parts[type];
}

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- by its type, the keys of `segments` are exactly these
export const followUpTypes = Object.keys(segments) as readonly FollowUpType[];

export const shipmentCommandTypes = followUpTypes.filter(
  (type): type is ShipmentCommandType => partOf(type) === 'shipment',
);
export const returnCommandTypes = followUpTypes.filter(
  (type): type is ReturnCommandType => partOf(type) === 'return',
);

/** Limits on the size of an order. */
export const LIMITS = {
  lines: 200,
  quantity: 1_000_000,
  amount: Number.MAX_SAFE_INTEGER,
  tags: 50,
  notes: 100,
  shipments: 100,
  returns: 100,
  /** lines of all shipments and returns, in total */
  partLines: 5_000,
  refunds: 200,
  /** waiting facts */
  facts: 100,
  /** `CommandRejected` events */
  rejections: 50,
} as const;
