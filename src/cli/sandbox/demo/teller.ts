import { stage } from '../../../../workers/progress.mjs';
import type { CommandMeta, OrderBody } from '../../../api/commands/gateway/gateway.js';
import { commands } from '../../../api/commands/table.js';
import type { Order, OrderStatus } from '../../../order/order.js';
import { sendTo } from '../../commands/send.js';
import type { Api } from '../../connections/api.js';
import { httpGateway } from '../../connections/http-gateway.js';
import { type Happened, until } from '../../connections/order-events.js';
import { exitCodes, Failure } from '../../script/failure.js';
import { metaOf } from '../../script/sender.js';
import type { CommonOptions, Session } from '../../script/session.js';
import { visible } from '../../terminal/terminal.js';
import { plainly } from './plain.js';
import type { Reached, Story } from './stories.js';

/** How an order of the demo ended. */
export interface End {
  readonly orderId: string;
  readonly title: string;
  readonly version?: number;
  readonly status?: OrderStatus;
}

/** Prints what happens, as it happens; nothing with `--json`, which prints one value at the end. */
export interface Narrator {
  readonly title: (text: string, says: string) => void;
  readonly say: (text: string) => void;
  readonly command: (text: string) => void;
  readonly happened: (happened: Happened) => void;
  /** Shows a title while some work runs. */
  readonly during: <T>(title: string, work: (note: (text: string) => void) => Promise<T>) => Promise<T>;
}

export function narrator({ terminal }: Session, { json }: CommonOptions): Narrator {
  const { print, paint } = terminal;
  if (json === true)
    return {
      title: () => {},
      say: () => {},
      command: () => {},
      happened: () => {},
      during: async (_title, work) => await work(() => {}),
    };
  return {
    title(text, says) {
      print(`\n${paint('bold', text)}`);
      print(paint('dim', says));
    },
    say: (text) => print(text),
    command: (text) => print(paint('cyan', `> ${text}`)),
    happened({ event, order }) {
      const version = String(event.version).padStart(4);
      const type = paint('bold', event.type.padEnd(19));
      print(`${version}  ${type}  ${visible(plainly(event, order.currency))}`);
    },
    during: stage,
  };
}

const REACHED_WITHIN_MS = 60_000;

/** Sends commands to orders over HTTP, and follows their events. */
export interface Teller {
  readonly create: (order: OrderBody) => Promise<string>;
  /** @throws Failure if it takes too long */
  readonly reach: (orderId: string, from: Order | undefined, until: Reached) => Promise<Order>;
  readonly play: (story: Story) => Promise<End>;
}

export function teller(api: Api, narrate: Narrator): Teller {
  const gateway = httpGateway(api);
  const meta = (): CommandMeta => metaOf({ actor: 'demo' });

  async function create(order: OrderBody): Promise<string> {
    const { orderId } = await sendTo(gateway, meta(), (to, sent) => to.create(undefined, order, sent));
    return orderId;
  }

  async function reach(orderId: string, from: Order | undefined, { what, holds }: Reached): Promise<Order> {
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
        const sent: Reached = { what: `version ${version}`, holds: (seen) => seen.version >= version };
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
