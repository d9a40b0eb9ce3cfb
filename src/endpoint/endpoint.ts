import type { Decision, Effect, Entity, Envelope, State } from '../log/entity.js';
import { withoutEffects } from '../log/entity.js';
import type { FeedPlace } from '../log/feed/place.js';
import { defaults, type EndpointSettings, refusedUrl, settingsIn } from './settings.js';

export const endpointStatuses = ['enabled', 'disabled', 'deleted'] as const;

/** A webhook endpoint: the URL to which a subscriber's events are delivered. */
export interface Endpoint extends EndpointSettings, State {
  readonly status: (typeof endpointStatuses)[number];
  /** deliveries begin after it; absent for the beginning of the feed */
  readonly after?: FeedPlace;
  /** why it is disabled; absent if it is not */
  readonly disabledBecause?: string;
  /** ids of its signing secrets, the newest first. A secret itself never enters the log. */
  readonly secretIds: readonly string[];
  /** number of `CommandRejected` events in the log, at most `rejectionsKept` */
  readonly rejections: number;
}

/** The data of each command. `allowHttp`: the configuration allowed http when it was sent. */
export interface EndpointCommands {
  CreateEndpoint: Given & Pick<EndpointSettings, 'url'> & Secret & { readonly after?: FeedPlace };
  ChangeEndpoint: Given;
  RotateSecret: Secret;
  DisableEndpoint: Reason;
  EnableEndpoint: object;
  DeleteEndpoint: object;
}

type Given = Partial<EndpointSettings> & { readonly allowHttp?: true };
type Secret = { readonly secretId: string };
type Reason = { readonly reason: string };

interface EventData {
  EndpointCreated: Omit<EndpointCommands['CreateEndpoint'], 'allowHttp'>;
  EndpointChanged: Partial<EndpointSettings>;
  SecretRotated: Secret;
  EndpointDisabled: Reason;
  EndpointEnabled: object;
  EndpointDeleted: object;
  EndpointResumed: Reason;
  CommandRejected: { readonly command: string; readonly code: string; readonly message: string };
}

export type EndpointEvent = {
  [T in keyof EventData]: { readonly type: T; readonly data: EventData[T] };
}[keyof EventData];

/** How many secrets sign: the old one, too, until the next rotation, so receivers can change. */
const secretsKept = 2;
const rejectionsKept = 50;

/** The decider of webhook endpoints. */
export const endpoints: Entity<Endpoint, EndpointEvent, Effect> = {
  ...withoutEffects,
  name: 'endpoint',
  creation: 'CreateEndpoint',
  commands: ['ChangeEndpoint', 'RotateSecret', 'DisableEndpoint', 'EnableEndpoint', 'DeleteEndpoint'],
  schemaVersions: {},
  upcast: (stored) => stored as EndpointEvent & Envelope,
  decide,
  evolve,
  rejection: ({ rejections }, command, { code, message }) =>
    rejections < rejectionsKept ? [{ type: 'CommandRejected', data: { command, code, message } }] : [],
  cancel: () => ({ type: 'DeleteEndpoint', data: {}, hasIssuer: true }),
  isFinished: ({ status }) => status === 'deleted',
  resumption: (data) => ({ type: 'EndpointResumed', data }),
  allowed: ({ status }) => ({ allowedCommands: status === 'deleted' ? [] : endpoints.commands }),
  details: ({ status, url, version }) => `**${status}** · ${url} · version ${version}`,
};

const missing: Decision<EndpointEvent> = {
  refusal: { kind: 'invalid', code: 'malformed', message: 'the url or the secretId is missing' },
};

/** The status that a command leads to. It is refused if the endpoint has this status already. */
const reached: Readonly<Record<string, string>> = { DisableEndpoint: 'disabled', EnableEndpoint: 'enabled' };

function decide(endpoint: Endpoint | undefined, type: string, data: unknown): Decision<EndpointEvent> {
  const given = data as Partial<EndpointCommands['CreateEndpoint'] & Reason>;
  const { url, secretId, reason = '', after } = given;
  if (endpoint !== undefined && ['deleted', reached[type]].includes(endpoint.status))
    return {
      refusal: { kind: 'not_allowed', code: 'not_allowed', message: `it is ${endpoint.status} already` },
    };
  const refusal = url === undefined ? undefined : refusedUrl(url, given.allowHttp);
  if (refusal !== undefined) return { refusal };
  switch (type) {
    case 'CreateEndpoint':
      if (url === undefined || secretId === undefined) return missing;
      return decided('EndpointCreated', {
        eventTypes: [],
        ...settingsIn(given),
        url,
        secretId,
        ...(after && { after }),
      });
    case 'ChangeEndpoint':
      return decided('EndpointChanged', settingsIn(given));
    case 'RotateSecret':
      return secretId === undefined ? missing : decided('SecretRotated', { secretId });
    case 'DisableEndpoint':
      return decided('EndpointDisabled', { reason });
    case 'EnableEndpoint':
      return decided('EndpointEnabled', {});
    case 'DeleteEndpoint':
      return decided('EndpointDeleted', {});
    default:
      throw new TypeError(`There is no command ${type}.`);
  }
}

function evolve(before: Endpoint | undefined, event: EndpointEvent & Envelope): Endpoint {
  const { orderId, version, occurredAt: updatedAt } = event;
  if (event.type === 'EndpointCreated') {
    const { secretId, ...given } = event.data;
    const created = { status: 'enabled', secretIds: [secretId], rejections: 0 } as const;
    return { ...defaults, ...given, orderId, version, updatedAt, ...created };
  }
  if (before === undefined) throw new TypeError(`The log of ${orderId} does not start with EndpointCreated.`);
  const endpoint = { ...before, version, updatedAt };
  switch (event.type) {
    case 'EndpointChanged':
      return { ...endpoint, ...event.data };
    case 'SecretRotated':
      return { ...endpoint, secretIds: [event.data.secretId, ...before.secretIds].slice(0, secretsKept) };
    case 'EndpointDisabled':
      return { ...endpoint, status: 'disabled', disabledBecause: event.data.reason };
    case 'EndpointEnabled': {
      const { disabledBecause: _, ...others } = endpoint;
      return { ...others, status: 'enabled' };
    }
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

function decided<T extends keyof EventData>(type: T, data: EventData[T]): Decision<EndpointEvent> {
  return { events: [{ type, data } as EndpointEvent] };
}
