import type { CommandMeta } from '../../log/gateway/message.js';
import type { OrderBody } from '../../api/commands/gateway/gateway.js';
import { commands } from '../../api/commands/table.js';
import type { Order, OrderStatus } from '../../order/order.js';
import { sendTo } from '../commands/send.js';
import type { Api } from '../connections/api.js';
import { httpGateway } from '../connections/http-gateway.js';
import { until } from '../connections/order-events.js';
import { exitCodes, Failure } from '../script/failure.js';
import { metaOf } from '../script/sender.js';
import type { Narrator } from './narrator.js';
import type { Condition, Story } from './stories.js';

/** How an order of the demo ended. */
export interface End {
  readonly orderId: string;
  readonly title: string;
  readonly version?: number;
  readonly status?: OrderStatus;
}

const REACHED_WITHIN_MS = 60_000;

/** Plays the demo's stories: sends commands to orders over HTTP, and follows their events. */
export interface Player {
  readonly create: (order: OrderBody) => Promise<string>;
  /** @throws Failure if it takes too long */
  readonly reach: (orderId: string, from: Order | undefined, until: Condition) => Promise<Order>;
  readonly play: (story: Story) => Promise<End>;
}

export function player(api: Api, narrate: Narrator): Player {
  const gateway = httpGateway(api);
  const meta = (): CommandMeta => metaOf({ actor: 'demo' });

  async function create(order: OrderBody): Promise<string> {
    const { orderId } = await sendTo(gateway, meta(), (to, sent) => to.create(undefined, order, sent));
    return orderId;
  }

  async function reach(orderId: string, from: Order | undefined, { what, holds }: Condition): Promise<Order> {
    const { order, reached } = await until(api, orderId, holds, {
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
        const { version = 1 } = await sendTo(gateway, meta(), (to, sent) => to.execute(orderId, step, sent));
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
