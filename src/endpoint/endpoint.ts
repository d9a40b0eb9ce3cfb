import type { Decision, Effect, Entity, Envelope, State } from '../log/entity.js';
import { refuse, withoutEffects } from '../log/entity.js';
import type { FeedPlace } from '../log/feed/place.js';
import { defaults, type EndpointSettings, settingNames } from './settings.js';

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

/**
 * Each command leads to one event with the command's data. `needs` are the members without which
 * the data is malformed. `takes` are further members of the event; all others are left out.
 * `status` is the endpoint's status after the command. An endpoint that already has this status
 * refuses the command.
 */
const commands = {
  CreateEndpoint: {
    event: 'EndpointCreated',
    needs: ['url', 'secretId'],
    takes: [...settingNames, 'after'],
    status: 'enabled',
  },
  ChangeEndpoint: { event: 'EndpointChanged', needs: [], takes: settingNames, status: undefined },
  RotateSecret: { event: 'SecretRotated', needs: ['secretId'], takes: [], status: undefined },
  DisableEndpoint: { event: 'EndpointDisabled', needs: ['reason'], takes: [], status: 'disabled' },
  EnableEndpoint: { event: 'EndpointEnabled', needs: [], takes: [], status: 'enabled' },
  DeleteEndpoint: { event: 'EndpointDeleted', needs: [], takes: [], status: 'deleted' },
} as const;

/**
 * The data of each command. `allowHttp` is set if the configuration allowed http when the command
 * was sent.
 */
export type EndpointCommands = {
  [T in keyof typeof commands]: Data[(typeof commands)[T]['event']] & { readonly allowHttp?: true };
};

export const endpointStatuses = ['enabled', 'disabled', 'deleted'] as const;
/** The `disabledBecause` of an endpoint that a person has disabled. */
export const byRequest = 'by request';
/** How many of the newest secrets sign. An old secret still signs until the next rotation. */
const MAX_SIGNING_SECRETS = 2;
const MAX_REJECTIONS = 50;

export const endpoints: Entity<Endpoint, EndpointEvent, Effect> = {
  ...withoutEffects,
  name: 'endpoint',
  creation: 'CreateEndpoint',
  commands: Object.keys(commands).filter((type) => type !== 'CreateEndpoint'),
  schemaVersions: {},
  upcast: (stored) => stored as EndpointEvent & Envelope,
  decide,
  evolve,
  rejection: ({ rejections }, command, { code, message }) =>
    rejections < MAX_REJECTIONS ? [{ type: 'CommandRejected', data: { command, code, message } }] : [],
  cancel: () => ({ type: 'DeleteEndpoint', data: {}, hasIssuer: true }),
  isFinished: ({ status }) => status === 'deleted',
  resumption: (data) => ({ type: 'EndpointResumed', data }),
  allowed: ({ status }) => ({ allowedCommands: status === 'deleted' ? [] : endpoints.commands }),
  details: ({ status, url, version }) => `**${status}** · ${url} · version ${version}`,
};

function decide(endpoint: Endpoint | undefined, type: string, given: unknown): Decision<EndpointEvent> {
  const command = Object.entries(commands).find(([name]) => name === type)?.[1];
  if (command === undefined) throw new TypeError(`There is no command ${type}.`);
  const { allowHttp, ...sent } = given as Partial<EndpointCommands['CreateEndpoint']>;
  const members: readonly string[] = [...command.needs, ...command.takes];
  const data = Object.fromEntries(
    Object.entries(sent).filter(([name, value]) => members.includes(name) && value !== undefined),
  );
  if (endpoint !== undefined && ['deleted', command.status].includes(endpoint.status))
    return refuse('not_allowed', 'not_allowed', `it is ${endpoint.status} already`);
  const { url } = sent;
  if (url !== undefined && !isAbsolute(url, allowHttp))
    return refuse('invalid', 'invalid_url', `${url} is no absolute https URL`, '/url');
  const missing = command.needs.find((name) => !(name in data));
  if (missing !== undefined) return refuse('invalid', 'malformed', `${missing} is missing`);
  return { events: [{ type: command.event, data } as EndpointEvent] };
}

/**
 * Whether the URL is absolute and https. If http is allowed, an http URL passes as well.
 *
 * @param url may be of any type, because anyone with access to Temporal can send a command
 */
function isAbsolute(url: unknown, allowHttp = false): boolean {
  if (typeof url !== 'string') return false;
  return /^https:\/\/[^\s/?#]+\S*$/.test(allowHttp ? url.replace(/^http:/, 'https:') : url);
}

function evolve(before: Endpoint | undefined, event: EndpointEvent & Envelope): Endpoint {
  const { orderId, version, occurredAt: updatedAt } = event;
  if (event.type === 'EndpointCreated') {
    const { secretId, ...given } = event.data;
    const created = { status: 'enabled', secretIds: [secretId], rejections: 0 } as const;
    return { ...defaults, ...given, orderId, version, updatedAt, ...created };
  }
  if (before === undefined) throw new TypeError(`The log of ${orderId} does not start with EndpointCreated.`);
  const { disabledBecause: _, ...withoutReason } = before;
  const endpoint = { ...before, version, updatedAt };
  switch (event.type) {
    case 'EndpointChanged':
      return { ...endpoint, ...event.data };
    case 'SecretRotated':
      return {
        ...endpoint,
        secretIds: [event.data.secretId, ...before.secretIds].slice(0, MAX_SIGNING_SECRETS),
      };
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
      return event satisfies never;
  }
}
