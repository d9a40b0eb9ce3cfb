import type { Decision, Effect, Entity, Envelope, State } from '../log/entity.js';
import { NewerEvent, refuse, withoutEffects } from '../log/entity.js';
import type { FeedPlace } from '../log/feed/place.js';
import { everyEvent, type Selection } from '../order/selection.js';

/** What is delivered to an endpoint, and how. */
export interface EndpointSettings extends Selection {
  /** absolute; https, unless the configuration allows http */
  readonly url: string;
  readonly description?: string;
  /** maximum number of deliveries a second; absent if there is no limit */
  readonly perSecond?: number;
}

/** This object has every setting: if one is missing, it does not compile. */
const allSettings: Required<EndpointSettings> = { ...everyEvent, url: '', description: '', perSecond: 0 };
const settings = Object.keys(allSettings);

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
/** How many of the newest secrets sign. An old secret still signs until the next rotation. */
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

/** A command leads to one event, with members of the command's data. */
interface Command {
  readonly event: keyof Data;
  /** members without which the data is malformed */
  readonly needs?: readonly string[];
  /** further members of the event; all others are left out */
  readonly takes?: readonly string[];
  /** the status after the command; an endpoint that already has it refuses the command */
  readonly status?: Endpoint['status'];
}

const commands = {
  CreateEndpoint: { event: 'EndpointCreated', needs: ['url', 'secretId'], takes: [...settings, 'after'] },
  ChangeEndpoint: { event: 'EndpointChanged', takes: settings },
  RotateSecret: { event: 'SecretRotated', needs: ['secretId'] },
  DisableEndpoint: { event: 'EndpointDisabled', needs: ['reason'], status: 'disabled' },
  EnableEndpoint: { event: 'EndpointEnabled', status: 'enabled' },
  DeleteEndpoint: { event: 'EndpointDeleted', status: 'deleted' },
} as const satisfies Record<string, Command>;
const commandsByType = new Map<string, Command>(Object.entries(commands));

/** The data of each command. `allowHttp` is set if the configuration allowed http at that time. */
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
  const { allowHttp, ...sent } = data as Partial<EndpointCommands['CreateEndpoint']>;
  if (endpoint !== undefined && !endpoints.allowed(endpoint).allowedCommands.includes(type))
    return refuse('not_allowed', 'not_allowed', `it is ${endpoint.status} already`);
  if (sent.url !== undefined && !isAbsolute(sent.url, allowHttp))
    return refuse('invalid', 'invalid_url', `${sent.url} is not an absolute https URL`, '/url');
  const given = Object.entries(sent).filter(([, value]) => value !== undefined);
  const missing = needs.find((name) => !given.some(([known]) => known === name));
  if (missing !== undefined) return refuse('invalid', 'malformed', `${missing} is missing`);
  const taken = given.filter(([name]) => [...needs, ...takes].includes(name));
  return { events: [{ type: event, data: Object.fromEntries(taken) } as EndpointEvent] };
}

/** @param url may be of any type, because anyone with access to Temporal can send a command */
function isAbsolute(url: unknown, allowHttp = false): boolean {
  const scheme = typeof url === 'string' ? /^(https?):\/\/[^\s/?#]+\S*$/.exec(url)?.[1] : undefined;
  return scheme === 'https' || (scheme === 'http' && allowHttp);
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
