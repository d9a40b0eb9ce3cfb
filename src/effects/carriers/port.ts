import type { Address } from '../../order/commands.js';
import type { EffectOf, OutcomeOf, Parcel } from '../../order/effects.js';
import type { CallOptions, LookUpAnswer, Limits, Unknown } from '../port.js';

export type { Parcel } from '../../order/effects.js';

/**
 * The port to carriers. The contract of all ports (`port.ts`) holds for `book`, and:
 *
 * - A key leads to one label at most, whichever functions are called with it.
 * - `track` changes nothing. It may be called at any time, and more than once.
 */
export interface CarrierProvider {
  /** Books the label of a shipment. `refused`: there will be no label under this key. */
  book(request: BookRequest, options: CallOptions): Promise<BookAnswer | Unknown>;
  /** The answer to the call with this key, even if it never reached a caller. */
  lookUp(key: string, options: CallOptions): Promise<LookUpAnswer<'book'>>;
  /** Where a parcel is. `unknown`: the provider cannot say now, so the system asks again later. */
  track(parcel: Parcel, options: CallOptions): Promise<Tracked>;
}

/** A label that is to be booked. */
export interface BookRequest {
  /** the idempotency key: `<orderId>:book:<version>` */
  readonly key: string;
  readonly orderId: string;
  readonly shipmentId: string;
  /** the carrier or the service that the label is requested of; absent: the provider chooses */
  readonly carrier?: string;
  /** what is in the parcel */
  readonly lines: EffectOf<'book'>['lines'];
  /** in plain text, for this call only */
  readonly receiver: Receiver;
}

export interface Receiver extends Address {
  readonly name: string;
}

/**
 * `labelUrl`: where the label can be printed, http or https. The code and the texts of the answer
 * are kept in the order's log, so they must not name the receiver.
 */
export type BookAnswer = OutcomeOf<'book'>;

export type Tracked =
  | { readonly type: 'in_transit' }
  /** `deliveredAt`: ISO-8601 UTC */
  | { readonly type: 'delivered'; readonly deliveredAt: string }
  | Unknown;

/** A module that `CARRIERS` may name: the port's functions are its exports. */
export interface CarrierModule extends CarrierProvider {
  readonly limits?: Partial<Limits>;
  /**
   * For certification: how many labels are booked for an order, whatever their keys. An effect's
   * key starts with the order's id, before `:book:`.
   */
  labels?(orderId: string): Promise<number>;
  /** For certification: delivers the parcel, as the carrier would. */
  deliver?(parcel: Parcel): Promise<void>;
  /**
   * For certification: values of `carrier` that lead to a known outcome. By default, those of the
   * sandbox.
   */
  readonly testCarriers?: Partial<TestCarriers>;
}

export interface TestCarriers {
  readonly booked: string;
  readonly refused: string;
  /** booked, a second or more after the call began */
  readonly slow: string;
}

export const sandboxTestCarriers: TestCarriers = {
  booked: 'Sandbox Post',
  refused: 'Refusing Post',
  slow: 'Slow Post',
};
