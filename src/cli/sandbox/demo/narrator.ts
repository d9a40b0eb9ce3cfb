import { stage } from '../../../bootstrap/progress.mjs';
import { inShort, linesInShort } from '../../../event-words.js';
import type { OrderEvent } from '../../../order/events.js';
import { formatMoney } from '../../../order/money.js';
import type { Happened } from '../../connections/order-events.js';
import { visible } from '../../printing/terminal.js';
import type { CommonOptions, Session } from '../../script/script.js';

/**
 * Prints what happens as it happens. With `--json` it prints nothing, because the demo then prints
 * one value at its end.
 */
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

/** Describes an event in words for readers who do not know order processing. */
function plainly(event: OrderEvent, currency: string): string {
  const money = (amount: number) => formatMoney(amount, currency);
  switch (event.type) {
    case 'OrderCreated':
      return `${event.data.customer.name} orders ${linesInShort(event.data.lines)} for ${money(event.data.total)}`;
    case 'StockReserved':
      return `the warehouse sets aside ${linesInShort(event.data.lines)}`;
    case 'StockRefused':
      return `the warehouse cannot: ${inShort(event, currency)}`;
    case 'StockReleased':
      return `back on the shelf: ${linesInShort(event.data.lines)}`;
    case 'StockDeducted':
      return `${event.data.shipmentId} is taken out of the stock`;
    case 'StockRestocked':
      return `the goods of return ${event.data.returnId} are back on the shelf`;
    case 'PaymentAuthorized':
      return `the bank promises ${money(event.data.amount)}`;
    case 'PaymentDeclined':
      return `the bank says no: ${event.data.code}`;
    case 'PaymentCaptured':
      return `${money(event.data.amount)} is charged, for ${event.data.shipmentId}`;
    case 'PaymentRefunded':
      return `${money(event.data.amount)} is paid back`;
    case 'AuthorizationVoided':
      return `the bank releases ${money(event.data.amount)}`;
    case 'OrderConfirmed':
      return 'the goods are reserved and the payment is authorized';
    case 'OrderRejected':
      return 'the order ends here';
    case 'OrderCancelled':
      return event.data.reason;
    case 'OrderCompleted':
      return 'everything is delivered and paid';
    case 'ShipmentDispatched':
      return `${event.data.shipmentId} leaves with ${event.data.carrier}`;
    case 'ShipmentDelivered':
      return `${event.data.shipmentId} arrives`;
    case 'ReturnReceived':
      return `${event.data.returnId} arrives`;
    default:
      return inShort(event, currency);
  }
}
