import type { Command } from 'commander';
import type { Certificate } from '../../forgetting/certificate.js';
import type { ForgettingStatus } from '../../forgetting/forgettings.js';
import type { OpenOrders } from '../../forgetting/messages.js';
import { apiPath } from '../connections/api.js';
import { apiOf } from '../connections/api-address.js';
import { pollUntil } from '../connections/poll-until.js';
import { counted, visible } from '../printing/terminal.js';
import { exitCodes, Failure } from '../script/failure.js';
import { addRequestOptions, type RequestOptions } from '../script/options.js';
import { addScript, report, type Session } from '../script/script.js';
import { sendRequest } from '../script/sender.js';

interface ForgetOptions extends RequestOptions {
  readonly reason: string;
  readonly lawfulBasis?: string;
  readonly whenFinished?: true;
}

/** The API's answer about a forgetting. */
interface Forgetting {
  readonly customerId: string;
  readonly status: ForgettingStatus;
  readonly openOrders?: OpenOrders;
  readonly certificate?: Certificate;
  readonly jws?: string;
}

const LOOK_EVERY_MS = 1_000;

/** Adds `forget`: forgets a customer, and prints the certificate. */
export function addForget(program: Command, session: Session): void {
  const command = addScript(program, 'forget', {
    summary: "forget a customer's personal data: destroy the keys, and print the certificate",
    details:
      'It waits until it is done. If it is interrupted, the forgetting continues, and the same command waits again. ' +
      'With --when-finished it returns while orders are open, and the forgetting waits for them.',
    examples: [
      "forget c-1 --reason 'asked by letter 4711' --lawful-basis 'GDPR Art. 17'",
      "forget c-1 --reason 'asked by letter 4711' --when-finished",
    ],
  })
    .argument('<customerId>', 'whose personal data')
    .requiredOption('--reason <text>', 'why; it stays, so put no personal data into it')
    .option('--lawful-basis <text>', 'the law that asks for it')
    .option('--when-finished', 'wait for open orders instead of refusing');
  addRequestOptions(command);
  command.action(async (customerId: string) => {
    const options = command.optsWithGlobals<ForgetOptions>();
    const { reason, lawfulBasis, whenFinished } = options;
    const api = apiOf(session, options);
    const path = apiPath`/v1/customers/${customerId}/forget`;
    const body = {
      reason,
      ...(lawfulBasis !== undefined && { lawfulBasis }),
      ...(whenFinished && { whenFinished }),
    };
    const forgetting = await sendRequest(session, options, async (headers) => {
      // Sending the same command again returns the current status. It needs only the role `write`.
      const ask = () => api.post<Forgetting>(path, body, headers);
      const first = await ask();
      if (first.status !== 'forgetting') return first;
      const endOf = (now: Forgetting) => (now.status === 'forgetting' ? undefined : now);
      return await pollUntil(session, ask, endOf, { everyMs: LOOK_EVERY_MS });
    });
    if (forgetting.status === 'refused')
      throw new Failure(exitCodes.refused, { code: 'orders_open', message: openIn(forgetting) });
    report(session, options, forgetting, () => linesOf(forgetting));
  });
}

function openIn({ openOrders = { count: 0, orderIds: [] } }: Forgetting): string {
  return `${counted(openOrders.count, 'order is', 'orders are')} not finished: ${openOrders.orderIds.join(', ')}`;
}

function linesOf(forgetting: Forgetting): readonly string[] {
  const { customerId, certificate, jws } = forgetting;
  if (certificate === undefined)
    return [`customer ${visible(customerId)} · waits: ${visible(openIn(forgetting))}`];
  const { orders, keys, places, notReached } = certificate;
  return [
    `customer ${visible(customerId)} · forgotten in ${counted(orders, 'order', 'orders')}, ${counted(keys.length, 'key', 'keys')} destroyed`,
    ...places.map(({ place, finding, checked }) => `  ${place}: ${finding} (${checked})`),
    'not reached:',
    ...notReached.map(
      ({ what, why, orders: named }) =>
        `  ${what}: ${why}${named === undefined ? '' : ` (${visible(named.join(', '))})`}`,
    ),
    `certificate: ${jws ?? ''}`,
  ];
}
