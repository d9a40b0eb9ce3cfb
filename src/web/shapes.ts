/** What the API answers, as far as the page reads it. Orders and events have the domain's types. */
import type { OrderEvent } from '../order/events.js';
import type { OrderView } from '../order/view.js';

export interface Page<T> {
  readonly data: readonly T[];
  readonly nextCursor?: string;
}

export interface AttentionRow {
  readonly orderId?: string;
  readonly code: string;
  readonly since: string;
  readonly detail: string;
  readonly remedy: string;
  readonly attempts?: number;
  readonly nextTryAt?: string;
}

export type OrderNow = OrderView & { readonly attention?: readonly AttentionRow[] };

/** An event as the journal has it; from the history, it lacks the last two. */
export type RecordedEvent = OrderEvent & { readonly recordedAt?: string; readonly position?: number };

export interface Progress {
  readonly startedAt: string;
  readonly done: number;
  readonly total: number;
  readonly perSecond: number;
  readonly secondsLeft?: number;
}

export interface ViewStatus {
  readonly name: string;
  readonly version: number;
  readonly latestVersion: number;
  readonly position: number;
  readonly eventsBehind: number;
  readonly msBehind: number;
  readonly parked: number;
  readonly rebuilding?: Progress;
}

export interface Projections {
  readonly feed: {
    readonly head: number;
    readonly generation: number;
    readonly unsequenced: number;
    readonly behindMs: number;
  };
  readonly views: readonly ViewStatus[];
  readonly stores: readonly { readonly name: string; readonly at?: string; readonly rebuilding?: Progress }[];
}

export interface ParkedEvent {
  readonly orderId: string;
  readonly version: number;
  readonly type: string;
  readonly status: 'parked' | 'waiting';
  readonly error?: string;
  readonly at: string;
}

export interface Readiness {
  readonly status: 'ready' | 'degraded' | 'unavailable';
  readonly roles: Readonly<Record<string, 'ready' | 'unavailable'>>;
  readonly dependencies: readonly {
    readonly name: string;
    readonly status: 'up' | 'degraded' | 'down' | 'unknown';
    readonly detail?: string;
    readonly cost?: string;
  }[];
}

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

export interface Stock {
  readonly sku: string;
  readonly onHand: number;
  readonly reserved: number;
  readonly updatedAt?: string;
  readonly toBeCounted?: true;
}

/** What an order waits for. */
export interface Next {
  readonly deadlines: readonly { readonly what: string; readonly at: string }[];
  readonly effects: readonly {
    readonly type: string;
    readonly key: string;
    readonly summary: string;
    readonly since: string;
    readonly attempts?: number;
    readonly lastError?: string;
    readonly nextTryAt?: string;
  }[];
  readonly workflow?: { readonly status: string; readonly url?: string };
}

/** Whether an order's copies agree. */
export interface Proof {
  readonly checkedAt: string;
  readonly version: number;
  readonly position?: number;
  readonly agrees: boolean;
  readonly hasHistory: boolean;
  readonly differences: readonly {
    readonly where: string;
    readonly kind: string;
    readonly detail: string;
    readonly remedy?: string;
  }[];
}

export interface Session {
  readonly authentication: 'on' | 'off';
  readonly actor?: string;
  readonly scopes: readonly string[];
}

/** One change of the stock of a SKU. */
export interface Movement {
  readonly id: string;
  readonly at: string;
  readonly type: string;
  readonly quantity: number;
  readonly outcome: string;
  readonly orderId?: string;
}
