import type { Command } from 'commander';
import type { Address, CommandData, FollowUpCommand, LineQuantity } from '../order/commands.js';
import { amendedLines, amount, json, quantities } from './arguments.js';
import { addCommandOptions, addScript, type Help } from './options.js';
import { verbs } from './failure.js';
import { sendAndReport } from './send.js';
import type { CommandOptions, Session } from './session.js';

/** A script that sends a command to an order that exists. */
interface Script<O> extends Help {
  readonly name: string;
  /** what follows the order's id, such as `<shipmentId>` */
  readonly argument?: { readonly name: string; readonly says: string };
  readonly options?: (command: Command) => Command;
  readonly command: (options: O, argument: string) => FollowUpCommand;
}

/** Adds the scripts that send a command to an order. */
export function addFollowUpCommands(program: Command, session: Session): void {
  function add<O>(script: Script<O>): void {
    const { argument } = script;
    const command = addScript(program, script.name, script);
    command.argument('<orderId>', 'the order');
    if (argument !== undefined) command.argument(`<${argument.name}>`, argument.says);
    addCommandOptions(script.options?.(command) ?? command);
    command.action(async (orderId: string, ...rest: unknown[]) => {
      const options = command.optsWithGlobals<O & CommandOptions>();
      const followUp = script.command(options, argument === undefined ? '' : String(rest[0]));
      await sendAndReport(session, options, async ({ checkCommand }) => {
        checkCommand(orderId, followUp);
        return async (gateway, meta) =>
          options.async === true
            ? await gateway.signal(orderId, followUp, meta)
            : await gateway.execute(orderId, followUp, meta);
      });
    });
  }

  const shipment = { name: 'shipmentId', says: 'the shipment, such as s1' };
  const withReason = (command: Command) => command.requiredOption('--reason <text>', 'why');

  add<CommandData['HoldOrder']>({
    name: verbs.HoldOrder,
    summary: 'hold an order: no shipment, no dispatch until it is released',
    options: withReason,
    examples: ["hold 018f… --reason 'address looks wrong'"],
    command: ({ reason }) => ({ type: 'HoldOrder', data: { reason } }),
  });
  add({
    name: verbs.ReleaseOrder,
    summary: 'release a held order',
    examples: ['release 018f…'],
    command: () => ({ type: 'ReleaseOrder', data: {} }),
  });
  add<CommandData['CancelOrder']>({
    name: verbs.CancelOrder,
    summary: 'cancel all of an order that is not dispatched yet',
    options: withReason,
    examples: [
      "cancel 018f… --reason 'customer changed their mind'",
      "cancel 018f… --reason 'twice' --if-match 4",
    ],
    command: ({ reason }) => ({ type: 'CancelOrder', data: { reason } }),
  });
  add<{ line?: CommandData['AmendOrder']['lines']; address?: Address }>({
    name: verbs.AmendOrder,
    summary: 'amend lines or address of an order, before any shipment',
    options: (command) =>
      command
        .option(
          '--line <SKU:QUANTITY[:UNITPRICE[:NAME]]>',
          'a line as it shall be; repeat it for all lines of the order; unit price in minor units, for a new SKU',
          amendedLines,
        )
        .option(
          '--address <json>',
          'shipping address: {"street", "city", "country", "postalCode"?, …}',
          json,
        ),
    examples: [
      'amend 018f… --line A-1:3',
      'amend 018f… --line A-1:2 --line B-7:1:500',
      `amend 018f… --address '{"street":"1 Main St","city":"Berlin","country":"DE"}'`,
    ],
    command: ({ line, address }) => ({
      type: 'AmendOrder',
      data: {
        ...(line === undefined ? {} : { lines: line }),
        ...(address === undefined ? {} : { shippingAddress: address }),
      },
    }),
  });
  add<{ line?: readonly LineQuantity[] }>({
    name: verbs.CreateShipment,
    summary: 'create a shipment of all that is left, or of some lines',
    options: (command) =>
      command.option('--line <SKU:QUANTITY>', 'what to ship; repeat it for several lines', quantities),
    examples: ['ship 018f…', 'ship 018f… --line A-1:1'],
    command: ({ line }) => ({ type: 'CreateShipment', data: line === undefined ? {} : { lines: line } }),
  });
  add<{ carrier: string; tracking: string }>({
    name: verbs.DispatchShipment,
    summary: 'hand a shipment to a carrier; its money is captured',
    argument: shipment,
    options: (command) =>
      command
        .requiredOption('--carrier <name>', 'who carries it')
        .requiredOption('--tracking <number>', "the carrier's tracking number"),
    examples: ['dispatch 018f… s1 --carrier DHL --tracking 00340434'],
    command: ({ carrier, tracking }, shipmentId) => ({
      type: 'DispatchShipment',
      data: { shipmentId, carrier, trackingNumber: tracking },
    }),
  });
  add({
    name: verbs.DeliverShipment,
    summary: 'tell that a shipment is delivered',
    argument: shipment,
    examples: ['deliver 018f… s1', 'deliver 018f… s1 --wait 10'],
    command: (_, shipmentId) => ({ type: 'DeliverShipment', data: { shipmentId } }),
  });
  add<{ payment?: string }>({
    name: verbs.CapturePayment,
    summary: 'try a declined capture again',
    options: (command) => command.option('--payment <token>', 'another payment method, such as tok_ok'),
    examples: ['capture 018f…', 'capture 018f… --payment tok_ok'],
    command: ({ payment }) => ({
      type: 'CapturePayment',
      data: payment === undefined ? {} : { payment: { method: payment } },
    }),
  });
  add<CommandData['WriteOffCapture']>({
    name: verbs.WriteOffCapture,
    summary: 'give up a declined capture',
    options: withReason,
    examples: ["write-off 018f… --reason 'customer cannot pay'"],
    command: ({ reason }) => ({ type: 'WriteOffCapture', data: { reason } }),
  });
  add<{ line: readonly LineQuantity[]; reason: string }>({
    name: verbs.RequestReturn,
    summary: 'announce a return of delivered goods',
    options: (command) =>
      withReason(command).requiredOption(
        '--line <SKU:QUANTITY>',
        'what comes back; repeat it for several lines',
        quantities,
      ),
    examples: ["return 018f… --line A-1:1 --reason 'too small'"],
    command: ({ line, reason }) => ({ type: 'RequestReturn', data: { lines: line, reason } }),
  });
  add({
    name: verbs.ReceiveReturn,
    summary: 'tell that a return has arrived: refunds and restocks it',
    argument: { name: 'returnId', says: 'the return, such as r1' },
    examples: ['receive 018f… r1'],
    command: (_, returnId) => ({ type: 'ReceiveReturn', data: { returnId } }),
  });
  add<{ amount: number; reason: string }>({
    name: verbs.RefundPayment,
    summary: 'refund money without goods coming back',
    options: (command) =>
      withReason(command).requiredOption('--amount <amount>', 'in minor units: 1999 is EUR 19.99', amount),
    examples: ["refund 018f… --amount 500 --reason 'late delivery'"],
    command: ({ amount: refunded, reason }) => ({
      type: 'RefundPayment',
      data: { amount: refunded, reason },
    }),
  });
  add({
    name: verbs.AddNote,
    summary: 'write a note on an order',
    argument: { name: 'text', says: 'the note' },
    examples: ["note 018f… 'gift wrap, please'"],
    command: (_, text) => ({ type: 'AddNote', data: { text } }),
  });
}
