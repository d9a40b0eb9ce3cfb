import { readFile } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import type { NewLine } from '../order/commands.js';
import { amount, json, newLines, several } from './arguments.js';
import { usageFailure } from './failure.js';
import { addScript, addSendOptions } from './options.js';
import { sendAndReport } from './send.js';
import type { CommandOptions, Session } from './session.js';
import type { Terminal } from './terminal.js';

interface OrderOptions {
  readonly file?: string;
  readonly id?: string;
  readonly customer?: string;
  readonly name?: string;
  readonly email?: string;
  readonly currency?: string;
  readonly line?: readonly NewLine[];
  readonly payment?: string;
  readonly shippingFee?: number;
  readonly tax?: number;
  readonly discount?: number;
  readonly address?: unknown;
  readonly note?: string;
  readonly tag?: readonly string[];
}

/** What `create` places when nothing else is said: an order for the sandbox. */
const sandbox = {
  customer: 'c-1',
  name: 'Ada Example',
  currency: 'EUR',
  lines: [{ sku: 'A-1', quantity: 2, unitPrice: 1999 }],
  payment: 'tok_ok',
} as const;

export function addCreateCommand(program: Command, session: Session): void {
  const command = addScript(program, 'create', {
    summary: 'place an order',
    details: 'Amounts are in minor units: 1999 is EUR 19.99. Without options it is an order for the sandbox.',
    examples: [
      'create',
      'create --wait 10',
      "create --customer c-7 --name 'Grace Example' --line A-1:1:1999 --line B-7:3:500:Mug --shipping-fee 490",
      'create --payment tok_declined',
      'create --file order.json --key checkout-4711',
      'create --file - < order.json',
    ],
  })
    .option('--customer <id>', `customer's id (default: ${sandbox.customer})`)
    .option('--name <name>', `customer's name (default: ${sandbox.name})`)
    .option('--email <address>', "customer's e-mail address")
    .option('--currency <code>', `ISO-4217 currency (default: ${sandbox.currency})`)
    .option(
      '--line <SKU:QUANTITY:UNITPRICE[:NAME]>',
      'a line; repeat it for several; a SKU with a colon needs --file (default: A-1:2:1999)',
      newLines,
    )
    .option('--payment <token>', `payment method (default: ${sandbox.payment})`)
    .option('--shipping-fee <amount>', 'in minor units', amount)
    .option('--tax <amount>', 'in minor units', amount)
    .option('--discount <amount>', 'in minor units', amount)
    .option('--address <json>', 'shipping address: {"street", "city", "country", "postalCode"?, …}', json)
    .option('--note <text>', 'a note on the order')
    .option('--tag <tag>', 'a tag; repeat it for several', several)
    .addOption(
      new Option(
        '--file <path>',
        'the whole order as JSON, from a file, or from standard input with -',
      ).conflicts([
        'customer',
        'name',
        'email',
        'currency',
        'line',
        'payment',
        'shippingFee',
        'tax',
        'discount',
        'address',
        'note',
        'tag',
      ]),
    )
    .option('--id <id>', "the order's id (default: derived from actor and key)");
  addSendOptions(command);
  command.action(async () => {
    const options = command.optsWithGlobals<OrderOptions & CommandOptions>();
    await sendAndReport(session, options, async ({ newOrder }) => {
      const { id, body } = newOrder(await orderOf(options, session.terminal));
      return async (gateway, meta) => {
        const result = await gateway.create(id, body, meta);
        // A start is answered as soon as it is durable: there is nothing else that would not be waited for.
        return options.async === true && result.kind === 'answered'
          ? { kind: 'accepted', orderId: result.answer.orderId, replayed: result.replayed }
          : result;
      };
    });
  });
}

async function orderOf({ file, id, ...options }: OrderOptions, terminal: Terminal): Promise<unknown> {
  const order = file === undefined ? typed(options) : await fromFile(file, terminal);
  return id === undefined ? order : { ...order, id };
}

function typed(options: Omit<OrderOptions, 'file' | 'id'>): object {
  const { shippingFee, tax, discount, address, note, tag, email } = options;
  const given = { shippingFee, tax, discount, shippingAddress: address, note, tags: tag };
  return {
    customer: {
      id: options.customer ?? sandbox.customer,
      name: options.name ?? sandbox.name,
      ...(email === undefined ? {} : { email }),
    },
    currency: options.currency ?? sandbox.currency,
    lines: options.line ?? sandbox.lines,
    payment: { method: options.payment ?? sandbox.payment },
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
  };
}

async function fromFile(file: string, terminal: Terminal): Promise<object> {
  let bytes: Uint8Array;
  try {
    bytes = file === '-' ? await terminal.readInput() : await readFile(file);
  } catch (error) {
    throw usageFailure(`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
  const source = file === '-' ? 'standard input' : file;
  // Loaded when it is needed, as its schemas take their time.
  const { textOf } = await import('./input.js');
  const text = textOf(bytes, source);
  let order: unknown;
  try {
    order = JSON.parse(text);
  } catch (error) {
    throw usageFailure(`${source} is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (typeof order !== 'object' || order === null) throw usageFailure(`expected one order as a JSON object`);
  return order;
}
