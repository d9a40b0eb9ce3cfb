import type { ForgetPerson } from './commands.js';
import type { Envelope, EventData } from './events.js';
import { type Order, isOver } from './order.js';
import { type Decision, refuse } from './refusal.js';

/** Replaces a personal value that was forgotten. */
export const FORGOTTEN = 'forgotten';

/**
 * The personal members of an order, by the member of the order that contains them. The schemas of
 * commands mark the same members, and a test compares them.
 */
export const personalMembers = {
  customer: ['name', 'email'],
  shippingAddress: ['name', 'street', 'city', 'postalCode', 'region', 'country'],
  payment: ['method'],
  notes: ['text'],
} as const;

/**
 * Whether the order's personal data may be forgotten: nothing is left to ship, to pay or to take
 * back. The return window may still be open.
 */
export function mayForget(order: Order): boolean {
  return isOver(order);
}

/**
 * Decides the command `ForgetPerson`. There is no event if the personal data is forgotten already,
 * the order knows all these keys, and nothing personal was added since.
 */
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
      'the order is not finished: finish or cancel it, or forget the customer when it is finished (--when-finished)';
    return refuse('not_allowed', 'order_open', message);
  }
  const known = order.forgotten?.keys ?? [];
  const isDone =
    order.forgotten !== undefined && !isPersonal(order) && data.keys.every((key) => known.includes(key));
  return { events: isDone ? [] : [{ type: 'PersonForgotten', data }] };
}

/** The order after `PersonForgotten`: without personal values, and with the ids of the keys. */
export function forgotten(
  order: Order,
  { occurredAt, data }: Pick<Envelope, 'occurredAt'> & { readonly data: EventData['PersonForgotten'] },
): Order {
  const keys = [...new Set([...(order.forgotten?.keys ?? []), ...data.keys])];
  return { ...withoutPerson(order), forgotten: { at: occurredAt, keys } };
}

/** All personal values of the order, as it has them: in plain text, or sealed. */
export function personalTexts({ customer, shippingAddress, payment, notes }: Order): readonly string[] {
  return [
    ...textsIn(customer, personalMembers.customer),
    ...(shippingAddress === undefined ? [] : textsIn(shippingAddress, personalMembers.shippingAddress)),
    ...textsIn(payment, personalMembers.payment),
    ...notes.flatMap((note) => textsIn(note, personalMembers.notes)),
  ];
}

function textsIn<N extends string>(
  part: Readonly<Partial<Record<N, string>>>,
  names: readonly N[],
): readonly string[] {
  return names.flatMap((name) => part[name] ?? []);
}

function isPersonal(order: Order): boolean {
  return personalTexts(order).some((text) => text !== FORGOTTEN);
}

/** The order with `FORGOTTEN` instead of each personal value. */
export function withoutPerson(order: Order): Order {
  const { customer, shippingAddress, payment, notes } = order;
  return {
    ...order,
    customer: without(customer, personalMembers.customer),
    ...(shippingAddress !== undefined && {
      shippingAddress: without(shippingAddress, personalMembers.shippingAddress),
    }),
    payment: without(payment, personalMembers.payment),
    notes: notes.map((note) => without(note, personalMembers.notes)),
  };
}

function without<T extends object>(part: T, names: readonly (keyof T)[]): T {
  const present = names.filter((name) => part[name] !== undefined);
  return { ...part, ...Object.fromEntries(present.map((name) => [name, FORGOTTEN])) };
}
