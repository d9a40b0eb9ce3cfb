import { type CommandType, followUpTypes, partOf, segments } from '../../order/commands.js';
import { quantityOf, sum } from '../../order/order.js';
import type { OrderView } from '../../order/view.js';
import type { Agreeing, CommandEntry, EntryOf } from './entry.js';

const reason = { flags: '--reason <text>', description: 'why', required: true } as const;
const address = {
  flags: '--address <json>',
  description: 'shipping address: {"street", "city", "country", "postalCode"?, …}',
  parser: 'address',
} as const;

/** Units of a line that are neither cancelled nor in a shipment. */
function leftToShip(
  { sku, quantity, cancelled, shipped }: OrderView['lines'][number],
  { shipments }: OrderView,
): number {
  const waiting = shipments.filter(({ status }) => status === 'created');
  return quantity - cancelled - shipped - sum(waiting, ({ lines }) => quantityOf(lines, sku));
}

/**
 * Every command, described once. Its route, its operation in OpenAPI, its script, its form on the
 * page and its row in docs/reference/commands.md follow from its entry. The table does not import
 * TypeBox, which takes a quarter of a second to load: `body` makes the schema when it is called, so
 * `orders --help` starts fast.
 */
const table = {
  CreateOrder: {
    scope: 'orders:write',
    summary: 'Create an order',
    description: 'Amounts are in minor units. The order is durable when this answers, whatever else is down.',
    body: (is) =>
      is.closed({
        id: is.optional(is.Id),
        customer: is.Customer,
        currency: is.Currency,
        lines: is.NewLines,
        shippingFee: is.optional(is.Amount),
        tax: is.optional(is.Amount),
        discount: is.optional(is.Amount),
        shippingAddress: is.optional(is.Address),
        payment: is.Payment,
        note: is.optional(is.Note),
        tags: is.optional(is.Tags),
      }),
    verb: 'create',
    fields: {
      customer: [
        { flags: '--customer <id>', description: "customer's id", member: 'id', defaultText: 'c-1' },
        {
          flags: '--name <name>',
          description: "customer's name",
          member: 'name',
          defaultText: 'Ada Example',
        },
        { flags: '--email <address>', description: "customer's e-mail address", member: 'email' },
      ],
      currency: { flags: '--currency <code>', description: 'ISO-4217 currency', defaultText: 'EUR' },
      lines: {
        flags: '--line <SKU:QUANTITY:UNITPRICE[:NAME]>',
        description: 'a line; repeat it for several; in quotes, \\: is a colon of the SKU',
        parser: 'newLines',
        defaultText: 'A-1:2:1999',
      },
      payment: {
        flags: '--payment <token>',
        description: 'payment method',
        member: 'method',
        defaultText: 'tok_ok',
      },
      shippingFee: { flags: '--shipping-fee <amount>', description: 'in minor units', parser: 'amount' },
      tax: { flags: '--tax <amount>', description: 'in minor units', parser: 'amount' },
      discount: { flags: '--discount <amount>', description: 'in minor units', parser: 'amount' },
      shippingAddress: address,
      note: { flags: '--note <text>', description: 'a note on the order' },
      tags: { flags: '--tag <tag>', description: 'a tag; repeat it for several', parser: 'texts' },
      id: { flags: '--id <id>', description: "the order's id (default: derived from actor and key)" },
    },
    examples: [
      'create',
      'create --wait 10',
      "create --customer c-7 --name 'Grace Example' --line A-1:1:1999 --line B-7:3:500:Mug --shipping-fee 490",
      'create --payment tok_declined',
      'create --file order.json --key checkout-4711',
      'create --file - < order.json',
    ],
  },
  HoldOrder: {
    scope: 'orders:write',
    summary: 'Hold: nothing is shipped until it is released',
    body: (is) => is.closed({ reason: is.Text }),
    verb: 'hold',
    fields: { reason },
    examples: ["hold 018f… --reason 'address looks wrong'"],
  },
  ReleaseOrder: {
    scope: 'orders:write',
    summary: 'Release from a hold',
    body: (is) => is.closed({}),
    verb: 'release',
    fields: {},
    examples: ['release 018f…'],
  },
  CancelOrder: {
    scope: 'orders:write',
    summary: 'Cancel everything that is not dispatched yet',
    body: (is) => is.closed({ reason: is.Text }),
    verb: 'cancel',
    fields: { reason },
    examples: [
      "cancel 018f… --reason 'customer changed their mind'",
      "cancel 018f… --reason 'twice' --if-match 4",
    ],
  },
  AmendOrder: {
    scope: 'orders:write',
    summary: 'Change lines or address, before any shipment',
    body: (is) =>
      is.closed({ lines: is.optional(is.AmendedLines), shippingAddress: is.optional(is.Address) }),
    verb: 'amend',
    fields: {
      lines: {
        flags: '--line <SKU:QUANTITY[:UNITPRICE[:NAME]]>',
        description:
          'a line as it is to be; repeat it for each line that the order is to have; a new SKU needs a unit price, in ' +
          'minor units; in quotes, \\: is a colon of the SKU',
        parser: 'amendedLines',
      },
      shippingAddress: address,
    },
    examples: [
      'amend 018f… --line A-1:3',
      'amend 018f… --line A-1:2 --line B-7:1:500',
      `amend 018f… --address '{"street":"1 Main St","city":"Berlin","country":"DE"}'`,
    ],
  },
  CreateShipment: {
    scope: 'orders:write',
    summary: 'Create a shipment, of all that is left or some',
    body: (is) => is.closed({ lines: is.optional(is.LineQuantities) }),
    verb: 'ship',
    fields: {
      lines: {
        flags: '--line <SKU:QUANTITY>',
        description: 'what to ship; repeat it for several lines',
        parser: 'quantities',
        unitsLeft: leftToShip,
      },
    },
    examples: ['ship 018f…', 'ship 018f… --line A-1:1'],
  },
  RequestLabel: {
    scope: 'orders:write',
    summary: 'Book a label for a shipment, before it is dispatched',
    description:
      'Optional. `label` of the shipment says what became of it; a refused label may be requested again.',
    body: (is) => is.closed({ carrier: is.optional(is.Name) }),
    verb: 'label',
    fields: {
      carrier: { flags: '--carrier <name>', description: 'who carries it; by default, the provider chooses' },
    },
    examples: ['label 018f… s1', "label 018f… s1 --carrier 'Sandbox Post' --wait 10"],
  },
  DispatchShipment: {
    scope: 'orders:write',
    summary: 'Dispatch a shipment: its part of the payment is captured',
    description: 'Without `carrier` and `trackingNumber`, those of the booked label are taken.',
    body: (is) => is.closed({ carrier: is.optional(is.Name), trackingNumber: is.optional(is.Name) }),
    verb: 'dispatch',
    fields: {
      carrier: { flags: '--carrier <name>', description: 'who carries it; by default, as booked' },
      trackingNumber: {
        flags: '--tracking <number>',
        description: "the carrier's tracking number; by default, as booked",
      },
    },
    examples: ['dispatch 018f… s1 --carrier DHL --tracking 00340434', 'dispatch 018f… s1'],
  },
  DeliverShipment: {
    scope: 'orders:write',
    summary: 'Mark a shipment as delivered',
    body: (is) => is.closed({}),
    verb: 'deliver',
    fields: {},
    examples: ['deliver 018f… s1', 'deliver 018f… s1 --wait 10'],
  },
  CapturePayment: {
    scope: 'money:write',
    summary: 'Try a declined capture again',
    body: (is) => is.closed({ payment: is.optional(is.Payment) }),
    verb: 'capture',
    fields: {
      payment: {
        flags: '--payment <token>',
        description: 'another payment method, such as tok_ok',
        member: 'method',
      },
    },
    examples: ['capture 018f…', 'capture 018f… --payment tok_ok'],
  },
  WriteOffCapture: {
    scope: 'money:write',
    summary: 'Give a declined capture up',
    body: (is) => is.closed({ reason: is.Text }),
    verb: 'write-off',
    fields: { reason },
    examples: ["write-off 018f… --reason 'customer cannot pay'"],
  },
  RequestReturn: {
    scope: 'orders:write',
    summary: 'Announce a return of delivered goods',
    body: (is) => is.closed({ lines: is.LineQuantities, reason: is.Text }),
    verb: 'return',
    fields: {
      reason,
      lines: {
        flags: '--line <SKU:QUANTITY>',
        description: 'what comes back; repeat it for several lines',
        parser: 'quantities',
        unitsLeft: ({ delivered, returned }) => delivered - returned,
        required: true,
      },
    },
    examples: ["return 018f… --line A-1:1 --reason 'too small'"],
  },
  ReceiveReturn: {
    scope: 'orders:write',
    summary: 'Receive returned goods: they are restocked and refunded',
    body: (is) => is.closed({}),
    verb: 'receive',
    fields: {},
    examples: ['receive 018f… r1'],
  },
  RefundPayment: {
    scope: 'money:write',
    summary: 'Refund, as goodwill',
    body: (is) => is.closed({ amount: is.PositiveAmount, reason: is.Text }),
    verb: 'refund',
    fields: {
      reason,
      amount: {
        flags: '--amount <amount>',
        description: 'in minor units: 1999 is EUR 19.99',
        parser: 'amount',
        required: true,
      },
    },
    examples: ["refund 018f… --amount 500 --reason 'late delivery'"],
  },
  AddNote: {
    scope: 'orders:write',
    summary: 'Add a note',
    body: (is) => is.closed({ text: is.Note }),
    verb: 'note',
    fields: { text: { flags: '<text>', description: 'the note' } },
    examples: ["note 018f… 'gift wrap, please'"],
  },
} as const satisfies { readonly [T in CommandType]: EntryOf<T> };

/** Each command's entry. Does not compile if a body has other members than the command's data. */
export const commands: Readonly<Record<CommandType, CommandEntry>> = table satisfies Agreeing<typeof table>;

/** The route of a command, as Fastify writes it. */
export function routeOf(type: CommandType): string {
  if (type === 'CreateOrder') return '/v1/orders';
  const part = partOf(type);
  const inPart = part === undefined ? '' : `${part}s/:${part}Id/`;
  return `/v1/orders/:orderId/${inPart}${segments[type]}`;
}

const verbsBySegment = new Map<string, string>(
  followUpTypes.map((type) => [segments[type], commands[type].verb]),
);

/**
 * The verb that is displayed for a command in `allowedCommands`: `ship` for `shipments` of an
 * order, `rotate-secret` for `RotateSecret` of a webhook endpoint.
 */
export function verbOf(command: string): string {
  const verb = verbsBySegment.get(command) ?? command.replace(/Endpoint$/, '');
  return verb.replaceAll(/\B[A-Z]/g, '-$&').toLowerCase();
}
