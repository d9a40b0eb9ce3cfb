/*
 * The shapes of the API's answers. Most are derived from the API's schemas; orders and events have
 * the types of the domain. In `test/web/shapes.ts`, the compiler checks those that are written
 * here.
 */
import type { AttentionRow } from '../api/schemas/attention.js';
import type { OrderEvent } from '../order/events.js';
import type { OrderView } from '../order/view.js';

export type {
  /** An attempt to deliver an event. */
  DeliveryAnswer as Attempt,
  EndpointAnswer as Endpoint,
  EndpointWithSecret,
} from '../api/schemas/endpoint.js';
export type { Movement } from '../api/schemas/movement.js';
export type { Next } from '../api/schemas/next.js';
export type { ParkedEvent, Progress, Projections, ViewStatus } from '../api/schemas/projections.js';
export type { OrderCounts } from '../api/schemas/order-counts.js';
export type { Proof } from '../api/schemas/proof.js';
export type { DependencyName, Readiness } from '../api/schemas/readiness.js';
export type { Session } from '../api/schemas/session.js';
export type { Stock } from '../api/schemas/stock.js';
export type { Subscription } from '../api/schemas/subscription.js';
export type { AttentionRow };

/** A page of a list. */
export interface Page<T> {
  readonly data: readonly T[];
  /** absent on the last page */
  readonly nextCursor?: string;
}

/** An order as it is now. */
export type OrderNow = OrderView & { readonly attention?: readonly AttentionRow[] };

/** An event of the journal, or of the history, which has no `recordedAt` and no `position`. */
export type RecordedEvent = OrderEvent & { readonly recordedAt?: string; readonly position?: number };

// The next two types are written again here, because code for browsers cannot import the files of
// their views: these import MongoDB's driver.

/** What happened on one day (UTC) in one currency. */
export interface Day {
  readonly day: string;
  readonly currency: string;
  readonly created: number;
  readonly confirmed: number;
  readonly cancelled: number;
  readonly rejected: number;
  readonly expired: number;
  readonly revenue: number | string;
  readonly cancellationRate: number | null;
  readonly timeToConfirm: { readonly average: number } | null;
}

/** A customer, summarized from its orders. */
export interface CustomerSummary {
  readonly customerId: string;
  readonly name: string;
  readonly orders: number;
  readonly openOrders: number;
  readonly lifetimeValue: Readonly<Record<string, number | string>>;
  readonly firstOrderAt: string;
  readonly lastOrder: { readonly orderId: string; readonly createdAt: string };
}
