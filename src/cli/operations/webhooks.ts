import { type Command, Option } from 'commander';
import type { DeliveryAnswer, EndpointAnswer } from '../../api/schemas/endpoint.js';
import { MAX_SHORT_PAGE } from '../../api/schemas/page-limits.js';
import { payloads } from '../../selection.js';
import { apiPath, type Page } from '../connections/api.js';
import { apiOf } from '../connections/api-address.js';
import { type Cell, type Column, table } from '../printing/table.js';
import { visible } from '../printing/terminal.js';
import { usageFailure } from '../script/failure.js';
import { addLimitOption, addRequestOptions, type RequestOptions } from '../script/options.js';
import { commaList, positive, texts, wholeNumber } from '../script/parsers.js';
import { addScript, type CommonOptions, type Help, report, type Session } from '../script/script.js';
import { actorHeader, sendRequest } from '../script/sender.js';

/** An endpoint as the API shows it. An answer has the secret only if the request has made it. */
type Endpoint = EndpointAnswer & { readonly secret?: string };

/** Adds the scripts of `webhooks`, for endpoints and their deliveries. */
export function addWebhooks(program: Command, session: Session): void {
  const webhooks = addScript(program, 'webhooks', {
    summary: 'deliver events to URLs: endpoints, their secrets and their deliveries',
    examples: ['webhooks create https://shop.example/hooks --events OrderConfirmed', 'webhooks list'],
  });
  addCreate(webhooks, session);
  addList(webhooks, session);
  addChange(webhooks, session);
  for (const action of actions) addAction(webhooks, session, action);
  addTest(webhooks, session);
  addDeliveryList(webhooks, session);
  addRetry(webhooks, session);
  addReplay(webhooks, session);
}

/** Adds a script about one endpoint. */
function addEndpointScript(webhooks: Command, name: string, help: Help): Command {
  return addScript(webhooks, name, help).argument('<endpointId>', 'as in the list');
}

interface SettingsOptions extends RequestOptions {
  readonly events?: readonly string[];
  readonly customer?: readonly string[];
  readonly tag?: readonly string[];
  readonly payload?: string;
  readonly description?: string;
  readonly perSecond?: number;
}

/** Adds the options for an endpoint's settings. */
function addSettings(command: Command): Command {
  return command
    .option('--events <type,…>', 'only these types, such as OrderConfirmed', commaList)
    .option('--customer <id>', "only events of this customer's orders; repeat it for several", texts)
    .option('--tag <tag>', 'only events of orders with this tag; repeat it for several', texts)
    .addOption(
      new Option('--payload <form>', 'ids, the event, or the event and the order after it').choices(payloads),
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
  const command = addScript(webhooks, 'create', {
    summary: 'deliver events to a URL',
    details:
      'Delivers what happens from now on, unless --after says otherwise. The secret is shown this once.',
    examples: [
      'webhooks create https://shop.example/hooks',
      'webhooks create https://shop.example/hooks --events OrderConfirmed --payload order --after 0',
    ],
  }).argument('<url>', 'an https URL');
  addRequestOptions(addSettings(command)).option(
    '--after <position>',
    'begin after this position of the feed',
    wholeNumber,
  );
  command.action(async (url: string) => {
    const options = command.optsWithGlobals<SettingsOptions & { readonly after?: number }>();
    const { after } = options;
    const body = { url, ...settingsOf(options), ...(after !== undefined && { after }) };
    const made = await sendChange<Endpoint>(session, options, 'post', '/v1/webhook-endpoints', body);
    report(session, options, made, () => endpointLines(made));
  });
}

function addChange(webhooks: Command, session: Session): void {
  const command = addEndpointScript(webhooks, 'change', {
    summary: 'change what is delivered to an endpoint, or its URL',
    examples: ['webhooks change 018f… --to https://shop.example/other --per-second 20'],
  });
  addRequestOptions(addSettings(command)).option('--to <url>', 'another URL');
  command.action(async (endpointId: string) => {
    const options = command.optsWithGlobals<SettingsOptions & { readonly to?: string }>();
    const body = { ...settingsOf(options), ...(options.to !== undefined && { url: options.to }) };
    if (Object.keys(body).length === 0)
      throw usageFailure('nothing is to be changed: --help shows what can be');
    const now = await sendChange<Endpoint>(session, options, 'patch', pathOf(endpointId), body);
    report(session, options, now, () => endpointLines(now));
  });
}

type Method = 'post' | 'patch' | 'delete';

/** A change of an endpoint that needs nothing but its id. */
interface Action {
  /** the name of its script */
  readonly name: string;
  readonly summary: string;
  readonly method: Method;
  /** below the path of the endpoint */
  readonly path?: string;
  readonly body?: object;
}

const actions: readonly Action[] = [
  {
    name: 'enable',
    summary: 'deliver to an endpoint again: what waits comes first',
    method: 'patch',
    body: { enabled: true },
  },
  {
    name: 'disable',
    summary: 'stop delivering; `enable` continues from the checkpoint',
    method: 'patch',
    body: { enabled: false },
  },
  { name: 'delete', summary: 'delete an endpoint, with its secrets and what waits', method: 'delete' },
  {
    name: 'rotate-secret',
    summary: 'make a new secret; the old one signs too until the next rotation',
    method: 'post',
    path: '/rotate-secret',
  },
];

function addAction(webhooks: Command, session: Session, action: Action): void {
  const { name, summary, method, path = '', body = {} } = action;
  const command = addEndpointScript(webhooks, name, { summary, examples: [`webhooks ${name} 018f…`] });
  addRequestOptions(command).action(async (endpointId: string) => {
    const options = command.optsWithGlobals<RequestOptions>();
    const done = await sendChange<Endpoint>(session, options, method, `${pathOf(endpointId)}${path}`, body);
    report(session, options, done, () => endpointLines(done));
  });
}

function pathOf(endpointId: string): string {
  return apiPath`/v1/webhook-endpoints/${endpointId}`;
}

async function sendChange<T>(
  session: Session,
  options: RequestOptions,
  method: Method,
  path: string,
  body: object = {},
): Promise<T> {
  const api = apiOf(session, options);
  return await sendRequest(session, options, async (headers) => await api[method]<T>(path, body, headers));
}

function endpointLines({ endpointId, status, disabledBecause, url, ...more }: Endpoint): readonly string[] {
  const { events, payload, secret } = more;
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
    const { data } = await apiOf(session, options).get<Page<Endpoint>>('/v1/webhook-endpoints');
    report(session, options, data, () =>
      data.length === 0 ? ['no endpoints'] : data.flatMap(endpointLines),
    );
  });
}

function addTest(webhooks: Command, session: Session): void {
  const command = addEndpointScript(webhooks, 'test', {
    summary: 'send an endpoint a test message now, and show its answer',
    examples: ['webhooks test 018f…'],
  });
  command.action(async (endpointId: string) => {
    const options = command.optsWithGlobals<CommonOptions>();
    const headers = await actorHeader(session, options);
    const path = `${pathOf(endpointId)}/test`;
    const sent = await apiOf(session, options).post<DeliveryAnswer>(path, {}, headers);
    report(session, options, sent, () => [deliveryText(sent)]);
  });
}

function deliveryText({ isDelivered, status, error, ms }: DeliveryAnswer): string {
  const what = status === undefined ? visible(error ?? 'no answer') : `HTTP ${status}`;
  return `${isDelivered ? 'delivered' : 'not delivered'}: ${what}, ${ms} ms`;
}

interface DeliveryOptions extends CommonOptions {
  readonly event?: string;
  readonly before?: string;
  readonly limit?: number;
}

/** How many attempts are listed without --limit. */
const DELIVERIES = 50;

const deliveryColumns: readonly Column[] = [
  { title: 'AT' },
  { title: 'EVENT' },
  { title: 'TYPE' },
  { title: 'OUTCOME' },
];

function addDeliveryList(webhooks: Command, session: Session): void {
  const command = addEndpointScript(webhooks, 'deliveries', {
    summary: 'list the attempts to deliver, of the last 30 days, the newest first',
    examples: ['webhooks deliveries 018f…', 'webhooks deliveries 018f… --event 018e…:3'],
  })
    .option('--event <orderId:version>', 'only of this event')
    .option('--before <time>', 'only before this time, such as the AT of the last one shown');
  addLimitOption(command, MAX_SHORT_PAGE);
  command.action(async (endpointId: string) => {
    const options = command.optsWithGlobals<DeliveryOptions>();
    const { event, before, limit = DELIVERIES } = options;
    const path = `${pathOf(endpointId)}/deliveries`;
    const api = apiOf(session, options);
    const { data } = await api.get<Page<DeliveryAnswer>>(path, { event, before, limit });
    // Fails if there is no such endpoint.
    if (data.length === 0) await api.get<Endpoint>(pathOf(endpointId));
    const rows = data.map((one): readonly Cell[] => [
      one.at,
      one.eventId,
      one.type,
      one.isDelivered ? deliveryText(one) : { text: deliveryText(one), format: 'yellow' },
    ]);
    report(session, options, data, () => {
      if (data.length === 0) return ['no deliveries'];
      const lines = table(deliveryColumns, rows, session.terminal.paint);
      return data.length < limit
        ? lines
        : [...lines, `earlier ones, if there are any: --before ${data.at(-1)?.at}`];
    });
  });
}

function addRetry(webhooks: Command, session: Session): void {
  const command = addEndpointScript(webhooks, 'retry', {
    summary: 'deliver one event now: one that waits, is parked, or was delivered',
    examples: ['webhooks retry 018f… 018e…:3'],
  }).argument('<orderId:version>', 'the event');
  addRequestOptions(command).action(async (endpointId: string, eventId: string) => {
    const options = command.optsWithGlobals<RequestOptions>();
    const path = `${pathOf(endpointId)}${apiPath`/deliveries/${eventId}/retry`}`;
    const asked = await sendChange(session, options, 'post', path);
    report(session, options, asked, () => [
      `${eventId} is delivered soon: see \`npx orders webhooks deliveries ${endpointId}\``,
    ]);
  });
}

interface ReplayOptions extends RequestOptions {
  readonly after?: number;
  readonly from?: string;
}

function addReplay(webhooks: Command, session: Session): void {
  const command = addEndpointScript(webhooks, 'replay', {
    summary: 'deliver the feed again, from a position or a time',
    details: 'Give --after or --from.',
    examples: ['webhooks replay 018f… --after 1200', 'webhooks replay 018f… --from 2026-01-31T12:00:00Z'],
  });
  addRequestOptions(command)
    .addOption(new Option('--after <position>', 'events after it').argParser(wholeNumber).conflicts('from'))
    .option('--from <time>', 'events that were recorded at this time or later');
  command.action(async (endpointId: string) => {
    const options = command.optsWithGlobals<ReplayOptions>();
    const { after, from } = options;
    if (after === undefined && from === undefined) throw usageFailure('say --after or --from');
    const body = after === undefined ? { from } : { after };
    const path = `${pathOf(endpointId)}/replay`;
    const asked = await sendChange<{ readonly after: number }>(session, options, 'post', path, body);
    report(session, options, asked, () => [`events after position ${asked.after} are delivered again`]);
  });
}
