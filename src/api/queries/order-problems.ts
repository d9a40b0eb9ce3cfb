import { messageOf } from '../../outages/message-of.js';
import { HttpProblem } from '../problem.js';

export function orderNotFound(orderId: string): HttpProblem {
  return new HttpProblem(404, 'order_not_found', `There is no order ${orderId}.`);
}

/** The order exists, but has no view, and its workflow has not loaded its state yet. */
export function orderResuming(orderId: string): HttpProblem {
  const detail = `Order ${orderId} is being resumed, and has no view. Its workflow has not loaded the journal yet.`;
  return new HttpProblem(503, 'order_resuming', detail);
}

/** @param error the error of reading or folding an event */
export function unreadableLog(orderId: string, error: unknown): HttpProblem {
  const detail = `The log of order ${orderId} cannot be read up to there: ${messageOf(error).replace(/\.?$/, '.')} GET /v1/orders/${orderId}/events shows it as it is stored.`;
  return new HttpProblem(404, 'log_unreadable', detail);
}
