import type { OrderBody } from '../../../api/commands/gateway/gateway.js';
import { commands } from '../../../api/commands/table.js';
import type { FollowUpCommand, NewLine } from '../../../order/commands.js';
import { isAtRest } from '../../../order/consequences.js';
import type { Order, OrderStatus } from '../../../order/order.js';
import { sendTo } from '../../commands/send.js';
import type { Api } from '../../connections/api.js';
import { httpGateway } from '../../connections/http-gateway.js';
import { untilOrder } from '../../connections/order-events.js';
import { exitCodes, Failure } from '../../script/failure.js';
import { metaOf } from '../../script/sender.js';
import type { Narrator } from './narrator.js';

/* The stories of the demo, and how they are played. */

const REACHED_WITHIN_MS = 60_000;

/** The life of an order: the commands that are sent, and the states that are awaited in between. */
export interface Story {
  readonly title: string;
  /** what the story shows */
  readonly says: string;
  readonly order: OrderBody;
  readonly steps: readonly StoryStep[];
}

export type StoryStep = FollowUpCommand | Condition;

/** A condition that a script waits for an order to meet. */
export interface Condition {
  /** completes "the order did not come to …" */
  readonly what: string;
  readonly holds: (order: Order) => boolean;
}

const mugs: NewLine = { sku: 'A-1', quantity: 2, unitPrice: 1999, name: 'Green mug' };
const tray: NewLine = { sku: 'B-7', quantity: 1, unitPrice: 500, name: 'Tray' };

export function orderBody(method: string, lines: readonly NewLine[] = [mugs]): OrderBody {
  return {
    customer: { id: 'c-1', name: 'Ada Example' },
    currency: 'EUR',
    lines,
    payment: { method },
    tags: ['demo'],
  };
}

/** The order has this status, and is at rest. */
export function atRestAs(status: OrderStatus): Condition {
  return { what: status, holds: (order) => order.status === status && isAtRest(order) };
}

/** An authorization, which takes two seconds with `tok_slow`, is in flight. */
export const authorizing: Condition = {
  what: 'its authorization',
  holds: (order) => order.owed.some(({ type }) => type === 'authorize'),
};

export const stories: readonly Story[] = [
  {
    title: 'A happy order',
    says: 'Stock is reserved, then the payment is authorized; it is charged when the goods leave.',
    order: orderBody('tok_ok'),
    steps: [atRestAs('confirmed'), ...shipped('s1'), atRestAs('completed')],
  },
  {
    title: 'A declined payment',
    says: 'The stock was reserved already, so it is given back.',
    order: orderBody('tok_declined'),
    steps: [atRestAs('rejected')],
  },
  {
    title: 'Out of stock',
    says: 'There is nothing to reserve, so the bank is never asked.',
    order: orderBody('tok_ok', [{ ...mugs, sku: 'OUT-1' }]),
    steps: [atRestAs('rejected')],
  },
  {
    title: 'A cancellation in flight',
    says: 'The bank is slow, and the customer cancels meanwhile. What the bank then promises is undone.',
    order: orderBody('tok_slow'),
    steps: [
      authorizing,
      { type: 'CancelOrder', data: { reason: 'the customer changed their mind' } },
      atRestAs('cancelled'),
    ],
  },
  {
    title: 'Two shipments and a return',
    says: 'Each shipment is charged by itself, to the cent; what comes back is paid back.',
    order: orderBody('tok_ok', [mugs, tray]),
    steps: [
      atRestAs('confirmed'),
      ...shipped('s1', [{ sku: 'B-7', quantity: 1 }]),
      ...shipped('s2'),
      atRestAs('completed'),
      { type: 'RequestReturn', data: { lines: [{ sku: 'A-1', quantity: 1 }], reason: 'one is chipped' } },
      { type: 'ReceiveReturn', data: { returnId: 'r1' } },
      { what: 'its refund', holds: (order) => order.refunds.length > 0 && isAtRest(order) },
    ],
  },
];

/**
 * The commands of a shipment from its creation to its delivery. Without lines, the shipment has all
 * remaining units.
 */
function shipped(
  shipmentId: string,
  lines?: readonly { readonly sku: string; readonly quantity: number }[],
): readonly StoryStep[] {
  return [
    { type: 'CreateShipment', data: lines === undefined ? {} : { lines } },
    {
      type: 'DispatchShipment',
      data: { shipmentId, carrier: 'DHL', trackingNumber: `00340434-${shipmentId}` },
    },
    { type: 'DeliverShipment', data: { shipmentId } },
  ];
}

/** How an order of the demo ended. */
export interface StoryResult {
  readonly orderId: string;
  readonly title: string;
  readonly version?: number;
  readonly status?: OrderStatus;
}

/** Plays the demo's stories: sends commands to orders over HTTP, and follows their events. */
export interface Player {
  readonly create: (order: OrderBody) => Promise<string>;
  /** @throws Failure if it takes too long */
  readonly reach: (orderId: string, from: Order | undefined, until: Condition) => Promise<Order>;
  readonly play: (story: Story) => Promise<StoryResult>;
}

export function player(api: Api, narrate: Narrator): Player {
  const gateway = httpGateway(api);

  async function create(order: OrderBody): Promise<string> {
    const { orderId } = await sendTo(gateway, metaOf({}), (to, sent) => to.create(undefined, order, sent));
    return orderId;
  }

  async function reach(orderId: string, from: Order | undefined, { what, holds }: Condition): Promise<Order> {
    const { order, reached } = await untilOrder(api, orderId, holds, {
      from,
      withinMs: REACHED_WITHIN_MS,
      onHappened: narrate.happened,
    });
    if (!reached || order === undefined) throw tooLate(orderId, what, order);
    return order;
  }

  return {
    create,
    reach,
    async play({ title, says, order: placed, steps }) {
      narrate.title(title, says);
      narrate.command(`create --payment ${placed.payment.method}`);
      const orderId = await create(placed);
      let order: Order | undefined;
      for (const step of steps) {
        if ('holds' in step) {
          order = await reach(orderId, order, step);
          continue;
        }
        narrate.command(commands[step.type].verb);
        const { version = 1 } = await sendTo(gateway, metaOf({}), (to, sent) =>
          to.execute(orderId, step, sent),
        );
        const sent: Condition = { what: `version ${version}`, holds: (seen) => seen.version >= version };
        order = await reach(orderId, order, sent);
      }
      return { orderId, title, ...(order && { version: order.version, status: order.status }) };
    },
  };
}

function tooLate(orderId: string, what: string, order: Order | undefined): Failure {
  const seen = order === undefined ? 'has no event yet' : `is ${order.status} at version ${order.version}`;
  return new Failure(exitCodes.unavailable, {
    code: 'too_late',
    message: `order ${orderId} ${seen} and did not come to ${what} within ${REACHED_WITHIN_MS / 1_000} s: is a worker running (npm start)?`,
  });
}
