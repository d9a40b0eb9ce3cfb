import { type Command, Option } from 'commander';
import type { DeliveryAnswer } from '../../api/schemas/endpoint.js';
import { at } from '../connections/api.js';
import { apiOf } from '../connections/target.js';
import { positive, wholeNumber } from '../script/arguments.js';
import { usageFailure } from '../script/failure.js';
import { addScript, report } from '../script/script.js';
import { addRequestOptions, requestHeaders, type RequestOptions } from '../script/sender.js';
import type { Session } from '../script/session.js';
import { type Cell, type Column, table, visible } from '../terminal/terminal.js';

interface Options extends RequestOptions {
  readonly after?: number;
  readonly from?: string;
  readonly event?: string;
  readonly limit?: number;
}

/** Adds `test`, `deliveries`, `retry` and `replay` to `webhooks`. */
export function addDeliveries(webhooks: Command, session: Session): void {
  addTest(webhooks, session);
  addList(webhooks, session);
  addRetry(webhooks, session);
  addReplay(webhooks, session);
}

function addTest(webhooks: Command, session: Session): void {
  const command = addScript(webhooks, 'test', {
    summary: 'send an endpoint a test message now, and show its answer',
    examples: ['webhooks test 018f…'],
  }).argument('<endpointId>', 'as in the list');
  command.action(async (endpointId: string) => {
    const options = command.optsWithGlobals<Options>();
    const path = at`/v1/webhook-endpoints/${endpointId}/test`;
    const sent = await apiOf(session, options).submit<DeliveryAnswer>(
      path,
      {},
      requestHeaders(session, options),
    );
    report(session, options, sent, () => [outcomeOf(sent)]);
  });
}

function outcomeOf({ isDelivered, status, error, ms }: DeliveryAnswer): string {
  const what = status === undefined ? visible(error ?? 'no answer') : `HTTP ${status}`;
  return `${isDelivered ? 'delivered' : 'not delivered'}: ${what}, ${ms} ms`;
}

const deliveryColumns: readonly Column[] = [
  { title: 'AT' },
  { title: 'EVENT' },
  { title: 'TYPE' },
  { title: 'OUTCOME' },
];

function addList(webhooks: Command, session: Session): void {
  const command = addScript(webhooks, 'deliveries', {
    summary: 'list the attempts to deliver, of the last 30 days, the newest first',
    examples: ['webhooks deliveries 018f…', 'webhooks deliveries 018f… --event 018e…:3'],
  })
    .argument('<endpointId>', 'as in the list')
    .option('--event <orderId:version>', 'only of this event')
    .option('--limit <number>', 'how many at most, up to 200', positive);
  command.action(async (endpointId: string) => {
    const options = command.optsWithGlobals<Options>();
    const { event, limit } = options;
    const path = at`/v1/webhook-endpoints/${endpointId}/deliveries`;
    const query = { event, limit };
    const { data } = await apiOf(session, options).get<{ readonly data: readonly DeliveryAnswer[] }>(
      path,
      query,
    );
    const rows = data.map((one): readonly Cell[] => [
      one.at,
      one.eventId,
      one.type,
      one.isDelivered ? outcomeOf(one) : { text: outcomeOf(one), format: 'yellow' },
    ]);
    report(session, options, data, () =>
      data.length === 0 ? ['no deliveries'] : table(deliveryColumns, rows, session.terminal.paint),
    );
  });
}

function addRetry(webhooks: Command, session: Session): void {
  const command = addRequestOptions(
    addScript(webhooks, 'retry', {
      summary: 'deliver one event now: one that waits, is parked, or was delivered',
      examples: ['webhooks retry 018f… 018e…:3'],
    })
      .argument('<endpointId>', 'as in the list')
      .argument('<orderId:version>', 'the event'),
  );
  command.action(async (endpointId: string, eventId: string) => {
    const options = command.optsWithGlobals<Options>();
    const path = at`/v1/webhook-endpoints/${endpointId}/deliveries/${eventId}/retry`;
    const asked = await apiOf(session, options).submit(path, {}, requestHeaders(session, options));
    report(session, options, asked, () => [
      `${eventId} is delivered soon: see npx orders webhooks deliveries`,
    ]);
  });
}

function addReplay(webhooks: Command, session: Session): void {
  const command = addRequestOptions(
    addScript(webhooks, 'replay', {
      summary: 'deliver the feed again, from a position or a time',
      examples: ['webhooks replay 018f… --after 1200', 'webhooks replay 018f… --from 2026-01-31T12:00:00Z'],
    }).argument('<endpointId>', 'as in the list'),
  )
    .addOption(new Option('--after <position>', 'events after it').argParser(wholeNumber).conflicts('from'))
    .option('--from <time>', 'events that were recorded at this time or later');
  command.action(async (endpointId: string) => {
    const options = command.optsWithGlobals<Options>();
    const { after, from } = options;
    if (after === undefined && from === undefined) throw usageFailure('say --after or --from');
    const path = at`/v1/webhook-endpoints/${endpointId}/replay`;
    const body = after === undefined ? { from } : { after };
    const asked = await apiOf(session, options).submit<{ readonly after: number }>(
      path,
      body,
      requestHeaders(session, options),
    );
    report(session, options, asked, () => [`events after position ${asked.after} are delivered again`]);
  });
}
