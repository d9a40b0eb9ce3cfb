import type { OrderEvent } from '../../order/events.js';
import { Failure } from '../script/failure.js';
import { type Api, apiPath } from './api.js';

/** Maximum number of orders whose currency is remembered. */
const MAX_REMEMBERED = 10_000;

/**
 * Returns a function that finds the currency of an event's order: in the event itself if it is
 * `OrderCreated`, else by asking the API. Empty if the API cannot give it.
 */
export function currencies(api: Api): (event: OrderEvent) => Promise<string> {
  const known = new Map<string, string>();
  return async (event) => {
    const { orderId } = event;
    let currency = event.type === 'OrderCreated' ? event.data.currency : known.get(orderId);
    try {
      currency ??= (await api.get<{ readonly currency: string }>(apiPath`/v1/orders/${orderId}`)).currency;
    } catch (error) {
      if (error instanceof Failure) return '';
      throw error;
    }
    known.delete(orderId);
    known.set(orderId, currency);
    const [oldest] = known.keys();
    if (known.size > MAX_REMEMBERED && oldest !== undefined) known.delete(oldest);
    return currency;
  };
}
