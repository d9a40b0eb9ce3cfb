import type { Db } from 'mongodb';
import { Gauge } from 'prom-client';
import type { Instruments } from '../../operations/routes-metrics.js';
import { withTimeout } from '../../../outages/timeout.js';
import { viewsStatus } from '../../../log/views/status.js';
import { orderLog } from '../../../order-log.js';
import { views } from '../../../views/views.js';

const READ_WITHIN_MS = 1_000;

/** Position and lag of the feed and of each view. Unset while MongoDB does not answer. */
export function projectionGauges(db: Db): Instruments {
  return (registry) => {
    const gauge = (name: string, help: string, labelNames: readonly 'view'[] = []) =>
      new Gauge({ name, help, labelNames: [...labelNames], registers: [registry] });
    const head = gauge('orders_feed_position', 'The last position that was given to an event');
    const unsequenced = gauge('orders_feed_unsequenced_events', 'Recorded events without a position');
    const feedLag = gauge('orders_feed_lag_seconds', 'Age of the oldest event without a position');
    const position = gauge('orders_view_position', 'Position of the last event that a view has', ['view']);
    const events = gauge('orders_view_lag_events', 'Events that a view lacks', ['view']);
    const lag = gauge('orders_view_lag_seconds', 'Age of the oldest event that a view lacks', ['view']);
    const parked = gauge('orders_view_parked_events', 'Parked events', ['view']);
    return async () => {
      for (const ofFeed of [head, unsequenced, feedLag]) ofFeed.remove();
      for (const ofViews of [position, events, lag, parked]) ofViews.reset();
      try {
        const { feed, views: fed } = await withTimeout(READ_WITHIN_MS, viewsStatus(orderLog, db, views));
        head.set(feed.head);
        unsequenced.set(feed.unsequenced);
        feedLag.set(feed.behindMs / 1_000);
        for (const view of fed) {
          const labels = { view: view.name };
          position.set(labels, view.position);
          events.set(labels, view.eventsBehind);
          lag.set(labels, view.msBehind / 1_000);
          parked.set(labels, view.parked);
        }
      } catch {
        // The gauges are unset while their values are unknown. An alert can react to their absence.
      }
    };
  };
}
