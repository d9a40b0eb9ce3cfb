import { messageOf } from '../../outages/message-of.js';
import { HttpProblem } from '../problem.js';

export function orderNotFound(orderId: string): HttpProblem {
  return new HttpProblem(404, 'order_not_found', `There is no order ${orderId}.`);
}

/** @param error the error of reading or folding an event */
export function unreadableLog(orderId: string, error: unknown): HttpProblem {
  const detail = `The log of order ${orderId} cannot be read up to there: ${messageOf(error).replace(/\.?$/, '.')} GET /v1/orders/${orderId}/events shows it as it is stored.`;
  return new HttpProblem(404, 'log_unreadable', detail);
}
