import type { Command } from 'commander';
import type { OrderBody } from '../api/commands/gateway.js';
import { commands } from '../api/commands/table.js';
import type { FollowUpCommand } from '../order/commands.js';
import type { Order, OrderStatus } from '../order/order.js';
import type { Api } from './api.js';
import type { Sides } from './connections.js';
import { liveLines } from './event-log.js';
import { exitCodes, Failure } from './failure.js';
import { type Happened, isAtRest, until } from './follow.js';
import { addScript, type CommonOptions, metaOf, report, type Session } from './script.js';
import { sendTo } from './send.js';

/** The life of an order: the commands that it is sent, and the statuses to wait for in between. */
interface Story {
  readonly title: string;
  readonly method: string;
  readonly steps: readonly (FollowUpCommand | { readonly reaches: OrderStatus })[];
}

const stories: readonly Story[] = [
  {
    title: 'An order that is shipped and delivered',
    method: 'tok_ok',
    steps: [
      { reaches: 'confirmed' },
      { type: 'CreateShipment', data: {} },
      {
        type: 'DispatchShipment',
        data: { shipmentId: 's1', carrier: 'DHL', trackingNumber: '00340434161094042557' },
      },
      { type: 'DeliverShipment', data: { shipmentId: 's1' } },
      { reaches: 'completed' },
    ],
  },
  {
    title: 'An order that is cancelled: its stock and its authorization are given back',
    method: 'tok_ok',
    steps: [
      { reaches: 'confirmed' },
      { type: 'CancelOrder', data: { reason: 'the customer changed their mind' } },
      { reaches: 'cancelled' },
    ],
  },
  {
    title: 'An order whose payment is declined: its stock is given back',
    method: 'tok_declined',
    steps: [{ reaches: 'rejected' }],
  },
];

const REACHED_WITHIN_MS = 30_000;

/** Adds `demo`: takes three orders through their whole life. */
export function addDemo(program: Command, session: Session): void {
  const command = addScript(program, 'demo', {
    summary: 'walk three orders through: one is delivered, one cancelled, one declined',
    examples: ['demo', 'demo --json'],
  });
  command.action(async () => {
    const options = command.optsWithGlobals<CommonOptions>();
    // Imported on use, because Temporal's SDK loads slowly and most scripts do without it.
    const { openSides } = await import('./connections.js');
    const { api, gateway, close } = await openSides(session, options);
    const ends: End[] = [];
    try {
      for (const story of stories) ends.push(await play(story, gateway, api, narrator(session, options)));
    } finally {
      await close();
    }
    report(session, options, ends, () => [
      'Look at them:',
      ...ends.map(({ orderId }) => `  npx orders get ${orderId}`),
    ]);
  });
}

interface Narrator {
  readonly title: (text: string) => void;
  readonly command: (text: string) => void;
  readonly happened: (happened: Happened) => void;
}

/** Prints what happens as it happens; nothing with `--json`, which prints one value at the end. */
function narrator(session: Session, { json }: CommonOptions): Narrator {
  const { print, paint } = session.terminal;
  if (json === true) return { title: () => {}, command: () => {}, happened: () => {} };
  const lines = liveLines(session);
  return {
    title: (text) => print(`\n${paint('bold', text)}`),
    command: (text) => print(paint('cyan', `> ${text}`)),
    happened({ event, order }) {
      for (const line of lines(event, order.currency)) print(line);
    },
  };
}

/** How an order of the demo ended. */
interface End {
  readonly orderId: string;
  readonly version?: number;
  readonly status?: OrderStatus;
}

async function play(story: Story, gateway: Sides['gateway'], api: Api, narrate: Narrator): Promise<End> {
  narrate.title(story.title);
  narrate.command(`create --payment ${story.method}`);
  const body: OrderBody = {
    customer: { id: 'c-1', name: 'Ada Example' },
    currency: 'EUR',
    lines: [{ sku: 'A-1', quantity: 2, unitPrice: 1999 }],
    payment: { method: story.method },
    tags: ['demo'],
  };
  const { orderId } = await sendTo(gateway, metaOf({}), (to, meta) => to.create(undefined, body, meta));

  async function reach(
    from: Order | undefined,
    what: string,
    holds: (order: Order) => boolean,
  ): Promise<Order> {
    const { order, reached } = await until(api, orderId, holds, {
      from,
      withinMs: REACHED_WITHIN_MS,
      onHappened: narrate.happened,
    });
    if (!reached || order === undefined) throw tooLate(orderId, what, order);
    return order;
  }

  let order: Order | undefined;
  for (const step of story.steps) {
    if ('reaches' in step) {
      order = await reach(order, step.reaches, (seen) => seen.status === step.reaches && isAtRest(seen));
    } else {
      narrate.command(commands[step.type].verb);
      const { version = 1 } = await sendTo(gateway, metaOf({}), (to, meta) =>
        to.execute(orderId, step, meta),
      );
      order = await reach(order, `version ${version}`, (seen) => seen.version >= version);
    }
  }
  return { orderId, ...(order && { version: order.version, status: order.status }) };
}

function tooLate(orderId: string, what: string, order: Order | undefined): Failure {
  const seen = order === undefined ? 'has no event yet' : `is ${order.status} at version ${order.version}`;
  return new Failure(exitCodes.unavailable, {
    code: 'too_late',
    message: `order ${orderId} ${seen} and did not come to ${what} within ${REACHED_WITHIN_MS / 1_000} s: is a worker running (npm start)?`,
  });
}
