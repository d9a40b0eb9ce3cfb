import type { EntityView, SummaryView } from '../log/views/view.js';
import type { EventDraft } from '../order/events.js';
import type { Order } from '../order/order.js';
import type { ViewQuery } from './query.js';

interface Queried {
  /** the queries that the API serves */
  readonly queries: readonly ViewQuery[];
}

/** A feed view whose documents summarize many orders. */
export type SummaryFeedView = SummaryView<Order, EventDraft> & Queried;

/** A feed view with at most one document for each order. */
export type PerOrderFeedView<Document extends object = object> = EntityView<Order, EventDraft, Document> &
  Queried;

/**
 * A view that is built from the feed of orders. The view `orders` is not one of them: it is written
 * whenever events are recorded (`ordersStateView`).
 */
export type OrderFeedView = SummaryFeedView | PerOrderFeedView;
