/* The shapes of the API's answers. Orders and events have the types of the domain. */
import type { AttentionRow } from '../api/schemas/attention.js';
import type { OrderEvent } from '../order/events.js';
import type { OrderView } from '../order/view.js';

export type { Movement } from '../api/schemas/movement.js';
export type { Next } from '../api/schemas/next.js';
export type { ParkedEvent, Progress, Projections, ViewStatus } from '../api/schemas/projections.js';
export type { Proof } from '../api/schemas/proof.js';
export type { Readiness } from '../api/schemas/readiness.js';
export type { Session } from '../api/schemas/session.js';
export type { Stock } from '../api/schemas/stock.js';
export type { AttentionRow };

export interface Page<T> {
  readonly data: readonly T[];
  readonly nextCursor?: string;
}

export type OrderNow = OrderView & { readonly attention?: readonly AttentionRow[] };

/** An event of the journal, or of the history, which has no `recordedAt` and no `position`. */
export type RecordedEvent = OrderEvent & { readonly recordedAt?: string; readonly position?: number };

// The next two types are those of views. They are written again here, because the files of these
// views import MongoDB's driver, which code for browsers cannot. `test/web/shapes.ts` has the
// compiler compare them.

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

export interface CustomerSummary {
  readonly customerId: string;
  readonly name: string;
  readonly orders: number;
  readonly openOrders: number;
  readonly lifetimeValue: Readonly<Record<string, number | string>>;
  readonly firstOrderAt: string;
  readonly lastOrder: { readonly orderId: string; readonly createdAt: string };
}
