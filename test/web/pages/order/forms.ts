import { type FollowUpType, partOf, segments } from '../../../../src/order/commands.js';
import { type OrderView, toView } from '../../../../src/order/view.js';
import { formOf, type Input } from '../../../../src/web/pages/order/inputs.js';
import { states } from '../../../order/examples.js';

/** An example of an order to which the command may be sent. */
export function orderFor(type: FollowUpType): OrderView {
  const views = Object.values(states).map(({ order }) => toView(order));
  const found = views.find((view) => commandsAllowed(view, partOf(type)).includes(segments[type]));
  if (found === undefined) throw new Error(`There is no example of an order that takes ${type}.`);
  return found;
}

function commandsAllowed(view: OrderView, part: ReturnType<typeof partOf>): readonly string[] {
  if (part === undefined) return view.allowedCommands;
  const parts = part === 'shipment' ? view.shipments : view.returns;
  return parts.flatMap(({ allowedCommands }) => allowedCommands);
}

/** The form of a command with a text in each input, and the body that it then sends. */
export function filled(type: FollowUpType, order: OrderView) {
  const { inputs, bodyOf } = formOf(type, order);
  const body = bodyOf(Object.fromEntries(inputs.map((input) => [input.name, textFor(input)])));
  if (typeof body === 'string') throw new Error(`${type}: ${body}`);
  return { inputs, body };
}

function textFor({ kind }: Input): string {
  switch (kind) {
    // The schemas of some texts allow little; each allows the code of a country.
    case 'text':
      return 'DE';
    case 'amount':
      return '5.00';
    case 'units':
      return '1';
    default:
      return kind satisfies never;
  }
}
