import type { Decision, Effect, Entity, Envelope, State } from '../log/entity.js';
import { NewerEvent, refuse, withoutEffects } from '../log/entity.js';
import { type FeedPlace, isFeedPlace } from '../log/feed/place.js';
import { everyEvent, isText, type Selection, selectionShapes } from '../selection.js';

/** What is delivered to an endpoint, and how. */
export interface EndpointSettings extends Selection {
  /** absolute; https, unless the configuration allows http */
  readonly url: string;
  readonly description?: string;
  /** maximum number of deliveries a second; absent if there is no limit */
  readonly perSecond?: number;
}

// The API checks these shapes, too, but anyone with access to Temporal can send a command.
const isRate = (value: unknown) => typeof value === 'number' && value > 0;
const settings = { ...selectionShapes, url: isText, description: isText, perSecond: isRate };
const settingNames = Object.keys(settings) as (keyof EndpointSettings)[];
const shapes = { ...settings, after: isFeedPlace, secretId: isText, reason: isText };
type Member = keyof typeof shapes;

/** A webhook endpoint: the URL to which a subscriber's events are delivered. */
export interface Endpoint extends EndpointSettings, State {
  readonly status: (typeof endpointStatuses)[number];
  /** deliveries begin after this place of the feed; absent if they begin at its start */
  readonly after?: FeedPlace;
  /** why it was disabled last; absent if it was enabled since. A deleted endpoint keeps it. */
  readonly disabledBecause?: string;
  /** ids of its signing secrets, the newest first. A secret itself never enters the log. */
  readonly secretIds: readonly string[];
  /** number of `CommandRejected` events in the log, at most `MAX_REJECTIONS` */
  readonly rejections: number;
}

export const endpointStatuses = ['enabled', 'disabled', 'deleted'] as const;
/** The `disabledBecause` of an endpoint that an operator has disabled. */
export const byRequest = 'by request';
/** How many of the newest secrets sign. The previous secret still signs until the next rotation. */
const MAX_SECRETS = 2;
const MAX_REJECTIONS = 50;

/** The persisted data of each event. */
interface Data {
  EndpointCreated: Data['EndpointChanged'] & Pick<Endpoint, 'url' | 'after'> & { readonly secretId: string };
  EndpointChanged: Partial<EndpointSettings>;
  SecretRotated: { readonly secretId: string };
  EndpointDisabled: { readonly reason: string };
  EndpointEnabled: object;
  EndpointDeleted: object;
  EndpointResumed: { readonly reason: string };
  CommandRejected: { readonly command: string; readonly code: string; readonly message: string };
}

export type EndpointEvent = { [T in keyof Data]: { readonly type: T; readonly data: Data[T] } }[keyof Data];

/** How a command becomes an event, which gets some members of the command's data. */
interface Command {
  readonly event: keyof Data;
  /** members that the event gets, and without which the command is refused */
  readonly needs?: readonly Member[];
  /** optional members that the event gets; all other members are left out */
  readonly takes?: readonly Member[];
  /** the status after the command; an endpoint that already has it refuses the command */
  readonly status?: Endpoint['status'];
}

const commands = {
  CreateEndpoint: { event: 'EndpointCreated', needs: ['url', 'secretId'], takes: [...settingNames, 'after'] },
  ChangeEndpoint: { event: 'EndpointChanged', takes: settingNames },
  RotateSecret: { event: 'SecretRotated', needs: ['secretId'] },
  DisableEndpoint: { event: 'EndpointDisabled', needs: ['reason'], status: 'disabled' },
  EnableEndpoint: { event: 'EndpointEnabled', status: 'enabled' },
  DeleteEndpoint: { event: 'EndpointDeleted', status: 'deleted' },
} as const satisfies Record<string, Command>;
const commandsByType = new Map<string, Command>(Object.entries(commands));

/** The data of each command. `allowHttp` is set if http was allowed when the command was sent. */
export type EndpointCommands = {
  [T in keyof typeof commands]: Data[(typeof commands)[T]['event']] & { readonly allowHttp?: true };
};

export const endpoints: Entity<Endpoint, EndpointEvent, Effect> = {
  ...withoutEffects,
  name: 'endpoint',
  creation: 'CreateEndpoint',
  commands: Object.keys(commands).filter((type) => type !== 'CreateEndpoint'),
  upcast: (stored) => stored as EndpointEvent & Envelope,
  decide,
  evolve,
  rejection: ({ rejections }, command, { code, message }) =>
    rejections < MAX_REJECTIONS ? [{ type: 'CommandRejected', data: { command, code, message } }] : [],
  cancel: () => ({ type: 'DeleteEndpoint', data: {}, hasIssuer: true }),
  isFinished: ({ status }) => status === 'deleted',
  resumption: (data) => ({ type: 'EndpointResumed', data }),
  allowed: ({ status: now }) => ({
    allowedCommands:
      now === 'deleted' ? [] : endpoints.commands.filter((type) => commandsByType.get(type)?.status !== now),
  }),
  details: ({ status, url, version }) => `**${status}** · ${url} · version ${version}`,
};

function decide(endpoint: Endpoint | undefined, type: string, data: unknown): Decision<EndpointEvent> {
  const command = commandsByType.get(type);
  if (command === undefined) throw new TypeError(`There is no command ${type}.`);
  const { event, needs = [], takes = [] } = command;
  const sent = data as { readonly [M in Member | 'allowHttp']?: unknown };
  const absolute = sent.allowHttp === true ? /^https?:\/\/[^\s/?#]+\S*$/ : /^https:\/\/[^\s/?#]+\S*$/;
  if (endpoint !== undefined && !endpoints.allowed(endpoint).allowedCommands.includes(type))
    return refuse('not_allowed', 'not_allowed', `it is ${endpoint.status} already`);
  if (sent.url !== undefined && !(isText(sent.url) && absolute.test(sent.url)))
    return refuse('invalid', 'invalid_url', 'url is not an absolute https URL', '/url');
  const members = [...needs, ...takes.filter((name) => sent[name] !== undefined)];
  const malformed = members.find((name) => !shapes[name](sent[name]));
  if (malformed !== undefined) return refuse('invalid', 'malformed', `${malformed} is missing or malformed`);
  const given = Object.fromEntries(members.map((name) => [name, sent[name]]));
  return { events: [{ type: event, data: given } as EndpointEvent] };
}

function evolve(before: Endpoint | undefined, event: EndpointEvent & Envelope): Endpoint {
  const { orderId, version, occurredAt: updatedAt } = event;
  if (event.type === 'EndpointCreated') {
    const { secretId, ...given } = event.data;
    const created = { ...everyEvent, ...given, orderId, version, updatedAt };
    return { ...created, status: 'enabled', secretIds: [secretId], rejections: 0 };
  }
  if (before === undefined) throw new TypeError(`The log of ${orderId} does not start with EndpointCreated.`);
  const { disabledBecause: _, ...withoutReason } = before;
  const endpoint = { ...before, version, updatedAt };
  switch (event.type) {
    case 'EndpointChanged':
      return { ...endpoint, ...event.data };
    case 'SecretRotated':
      return { ...endpoint, secretIds: [event.data.secretId, ...before.secretIds].slice(0, MAX_SECRETS) };
    case 'EndpointDisabled':
      return { ...endpoint, status: 'disabled', disabledBecause: event.data.reason };
    case 'EndpointEnabled':
      return { ...withoutReason, version, updatedAt, status: 'enabled' };
    case 'EndpointDeleted':
      return { ...endpoint, status: 'deleted' };
    case 'EndpointResumed':
      return { ...endpoint, resumed: { version } };
    case 'CommandRejected':
      return { ...endpoint, rejections: before.rejections + 1 };
    default:
      throw new NewerEvent(`Not known to this version: ${JSON.stringify(event satisfies never)}`);
  }
}
