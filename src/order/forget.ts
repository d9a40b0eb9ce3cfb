import type { Address, ForgetPerson } from './commands.js';
import { isReadyToClose } from './deadlines.js';
import type { Envelope, EventData } from './events.js';
import { type Order, isFinished } from './order.js';
import { type Decision, refuse } from './refusal.js';

/** What is shown in the place of a personal value after its person was forgotten. */
export const FORGOTTEN = 'forgotten';

/**
 * Whether the order's person may be forgotten: nothing is left to ship, to pay or to take back. The
 * return window may still be open.
 */
export function mayForget(order: Order): boolean {
  return isFinished(order) || isReadyToClose(order);
}

/** Without events if the person is forgotten already, and nothing personal was added since. */
export function forget(order: Order, data: ForgetPerson['data']): Decision {
  if (data.customerId !== order.customer.id)
    return refuse(
      'invalid',
      'other_customer',
      `the order is of customer ${order.customer.id}`,
      '/customerId',
    );
  if (!mayForget(order)) {
    const message =
      'the order is not finished: finish or cancel it, or forget the person when it is finished (--when-finished)';
    return refuse('not_allowed', 'order_open', message);
  }
  const known = order.forgotten?.keys ?? [];
  const isDone =
    order.forgotten !== undefined && !isPersonal(order) && data.keys.every((key) => known.includes(key));
  return { events: isDone ? [] : [{ type: 'PersonForgotten', data }] };
}

/** The order after its person was forgotten: it has no personal value any more. */
export function forgotten(
  order: Order,
  { occurredAt, data }: Pick<Envelope, 'occurredAt'> & { readonly data: EventData['PersonForgotten'] },
): Order {
  const keys = [...new Set([...(order.forgotten?.keys ?? []), ...data.keys])];
  return { ...withoutPerson(order), forgotten: { at: occurredAt, keys } };
}

/** Whether the order has a personal value. */
function isPersonal(order: Order): boolean {
  return JSON.stringify(withoutPerson(order)) !== JSON.stringify(order);
}

function withoutPerson(order: Order): Order {
  const { customer, shippingAddress } = order;
  return {
    ...order,
    customer: {
      ...customer,
      name: FORGOTTEN,
      ...(customer.email !== undefined && { email: FORGOTTEN }),
    },
    ...(shippingAddress !== undefined && { shippingAddress: withoutPlace(shippingAddress) }),
    payment: { ...order.payment, method: FORGOTTEN },
    notes: order.notes.map((note) => ({ ...note, text: FORGOTTEN })),
  };
}

/** The country stays: taxes and statistics need it, and it names nobody. */
function withoutPlace(address: Address): Address {
  const texts = Object.keys(address).filter((member) => member !== 'country');
  return { ...address, ...Object.fromEntries(texts.map((member) => [member, FORGOTTEN])) };
}
