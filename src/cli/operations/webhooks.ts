import { type Command, Option } from 'commander';
import type { DeliveryAnswer, EndpointAnswer } from '../../api/schemas/endpoint.js';
import { type Api, apiOf, at } from '../connections/api.js';
import { addRequestOptions, positive, type RequestOptions, texts, wholeNumber } from '../script/options.js';
import { addScript, type CommonOptions, report, type Session, usageFailure } from '../script/script.js';
import { requestHeaders } from '../script/sender.js';
import { type Cell, type Column, table, visible } from '../script/terminal.js';

/** An endpoint as the API shows it. An answer has the secret only if the request has made it. */
type Endpoint = EndpointAnswer & { readonly secret?: string };

interface SettingsOptions extends RequestOptions {
  readonly events?: readonly string[];
  readonly customer?: readonly string[];
  readonly tag?: readonly string[];
  readonly payload?: string;
  readonly description?: string;
  readonly perSecond?: number;
  readonly after?: number;
  readonly to?: string;
}

const root = '/v1/webhook-endpoints';

/** Adds the scripts of `webhooks`, for endpoints and their deliveries. */
export function addWebhooks(program: Command, session: Session): void {
  const webhooks = addScript(program, 'webhooks', {
    summary: 'deliver events to URLs: endpoints, their secrets and their deliveries',
    examples: ['webhooks create https://shop.example/hooks --events OrderConfirmed', 'webhooks list'],
  });
  addCreate(webhooks, session);
  addList(webhooks, session);
  addChange(webhooks, session);
  const setEnabled =
    (enabled: boolean): Act =>
    (api, id, headers) =>
      api.patch(at`/v1/webhook-endpoints/${id}`, { enabled }, headers);
  const enableSummary = 'deliver to an endpoint again: what waits comes first';
  addAction(webhooks, session, 'enable', enableSummary, setEnabled(true));
  addAction(webhooks, session, 'disable', 'stop delivering; the feed waits', setEnabled(false));
  addAction(
    webhooks,
    session,
    'delete',
    'delete an endpoint, with its secrets and what waits',
    (api, id, headers) => api.delete(at`/v1/webhook-endpoints/${id}`, {}, headers),
  );
  addAction(
    webhooks,
    session,
    'rotate-secret',
    'make a new secret; the old one signs too until the next rotation',
    (api, id, headers) => api.post(at`/v1/webhook-endpoints/${id}/rotate-secret`, {}, headers),
  );
  addTest(webhooks, session);
  addDeliveryList(webhooks, session);
  addRetry(webhooks, session);
  addReplay(webhooks, session);
}

/** Adds the options for an endpoint's settings. */
function withSettings(command: Command): Command {
  return command
    .option('--events <type,…>', 'only these types, such as OrderConfirmed', (text: string) =>
      text.split(',').map((type) => type.trim()),
    )
    .option('--customer <id>', 'only events of their orders; may be repeated', texts)
    .option('--tag <tag>', 'only orders with one of them; may be repeated', texts)
    .addOption(
      new Option('--payload <form>', 'ids, the event, or the event and the order after it').choices([
        'thin',
        'event',
        'order',
      ]),
    )
    .option('--description <text>', 'for people')
    .option('--per-second <number>', 'deliveries a second, at most', positive);
}

function settingsOf({ events, customer, tag, payload, description, perSecond }: SettingsOptions): object {
  return {
    ...(events && { events }),
    ...(customer && { customers: customer }),
    ...(tag && { tags: tag }),
    ...(payload !== undefined && { payload }),
    ...(description !== undefined && { description }),
    ...(perSecond !== undefined && { perSecond }),
  };
}

function addCreate(webhooks: Command, session: Session): void {
  const command = addRequestOptions(
    withSettings(
      addScript(webhooks, 'create', {
        summary: 'deliver events to a URL',
        details:
          'Delivers what happens from now on, unless --after says otherwise. The secret is shown this once.',
        examples: [
          'webhooks create https://shop.example/hooks',
          'webhooks create https://shop.example/hooks --events OrderConfirmed --payload order --after 0',
        ],
      }).argument('<url>', 'https'),
    ),
  ).option('--after <position>', 'begin after this position of the feed', wholeNumber);
  command.action(async (url: string) => {
    const options = command.optsWithGlobals<SettingsOptions>();
    const { after } = options;
    const body = { url, ...settingsOf(options), ...(after !== undefined && { after }) };
    const made = await apiOf(session, options).post<Endpoint>(root, body, requestHeaders(session, options));
    report(session, options, made, () => endpointLines(made));
  });
}

function addChange(webhooks: Command, session: Session): void {
  const command = addRequestOptions(
    withSettings(
      addScript(webhooks, 'change', {
        summary: 'change what is delivered to an endpoint, or its URL',
        examples: ['webhooks change 018f… --to https://shop.example/other --per-second 20'],
      }).argument('<endpointId>', 'as in the list'),
    ),
  ).option('--to <url>', 'another URL');
  command.action(async (endpointId: string) => {
    const options = command.optsWithGlobals<SettingsOptions>();
    const body = { ...settingsOf(options), ...(options.to !== undefined && { url: options.to }) };
    if (Object.keys(body).length === 0)
      throw usageFailure('nothing is to be changed: --help shows what can be');
    const path = at`/v1/webhook-endpoints/${endpointId}`;
    const headers = requestHeaders(session, options);
    const changed = await apiOf(session, options).patch<Endpoint>(path, body, headers);
    report(session, options, changed, () => endpointLines(changed));
  });
}

type Act = (api: Api, endpointId: string, headers: Readonly<Record<string, string>>) => Promise<Endpoint>;

/** Adds a script that changes an endpoint. */
function addAction(webhooks: Command, session: Session, verb: string, summary: string, act: Act): void {
  const command = addRequestOptions(
    addScript(webhooks, verb, { summary, examples: [`webhooks ${verb} 018f…`] }).argument(
      '<endpointId>',
      'as in the list',
    ),
  );
  command.action(async (endpointId: string) => {
    const options = command.optsWithGlobals<SettingsOptions>();
    const done = await act(apiOf(session, options), endpointId, requestHeaders(session, options));
    report(session, options, done, () => endpointLines(done));
  });
}

function endpointLines({
  endpointId,
  status,
  disabledBecause,
  url,
  secret,
  ...more
}: Endpoint): readonly string[] {
  const { events, payload } = more;
  return [
    `endpoint ${endpointId} · ${status}${disabledBecause === undefined ? '' : `, ${visible(disabledBecause)}`}`,
    `  ${visible(url)} · ${events.length === 0 ? 'all events' : events.join(', ')} · ${payload}`,
    ...(secret === undefined ? [] : ['Its secret is shown this once:', secret]),
  ];
}

function addList(webhooks: Command, session: Session): void {
  const command = addScript(webhooks, 'list', {
    summary: 'list all endpoints',
    examples: ['webhooks list', 'webhooks list --json'],
  });
  command.action(async () => {
    const options = command.optsWithGlobals<CommonOptions>();
    const { data } = await apiOf(session, options).get<{ readonly data: readonly Endpoint[] }>(root);
    report(session, options, data, () =>
      data.length === 0 ? ['no endpoints'] : data.flatMap(endpointLines),
    );
  });
}

interface DeliveryOptions extends RequestOptions {
  readonly after?: number;
  readonly from?: string;
  readonly event?: string;
  readonly limit?: number;
}

function addTest(webhooks: Command, session: Session): void {
  const command = addScript(webhooks, 'test', {
    summary: 'send an endpoint a test message now, and show its answer',
    examples: ['webhooks test 018f…'],
  }).argument('<endpointId>', 'as in the list');
  command.action(async (endpointId: string) => {
    const options = command.optsWithGlobals<DeliveryOptions>();
    const path = at`/v1/webhook-endpoints/${endpointId}/test`;
    const sent = await apiOf(session, options).post<DeliveryAnswer>(
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

function addDeliveryList(webhooks: Command, session: Session): void {
  const command = addScript(webhooks, 'deliveries', {
    summary: 'list the attempts to deliver, of the last 30 days, the newest first',
    examples: ['webhooks deliveries 018f…', 'webhooks deliveries 018f… --event 018e…:3'],
  })
    .argument('<endpointId>', 'as in the list')
    .option('--event <orderId:version>', 'only of this event')
    .option('--limit <number>', 'how many at most, up to 200', positive);
  command.action(async (endpointId: string) => {
    const options = command.optsWithGlobals<DeliveryOptions>();
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
    const options = command.optsWithGlobals<DeliveryOptions>();
    const path = at`/v1/webhook-endpoints/${endpointId}/deliveries/${eventId}/retry`;
    const asked = await apiOf(session, options).post(path, {}, requestHeaders(session, options));
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
    const options = command.optsWithGlobals<DeliveryOptions>();
    const { after, from } = options;
    if (after === undefined && from === undefined) throw usageFailure('say --after or --from');
    const path = at`/v1/webhook-endpoints/${endpointId}/replay`;
    const body = after === undefined ? { from } : { after };
    const asked = await apiOf(session, options).post<{ readonly after: number }>(
      path,
      body,
      requestHeaders(session, options),
    );
    report(session, options, asked, () => [`events after position ${asked.after} are delivered again`]);
  });
}
