import type { Decision, Effect, Entity, Envelope, Refusal } from '../log/entity.js';

/** What is delivered to an endpoint, and how. */
export interface EndpointSettings {
  /** absolute, https unless private addresses are allowed */
  readonly url: string;
  /** the event types to deliver; empty for all */
  readonly eventTypes: readonly string[];
  /** the customers whose orders' events are delivered; empty for all */
  readonly customers: readonly string[];
  /** an order has at least one of them; empty for all */
  readonly tags: readonly string[];
  /** ids alone, the event, or the event with the order after it */
  readonly payload: 'thin' | 'event' | 'order';
  readonly description?: string;
  /** deliveries a second, at most; absent for any number */
  readonly perSecond?: number;
}

/** A place in the feed: a position belongs to a generation of it. */
export interface FeedPlace {
  readonly generation: number;
  readonly position: number;
}

/** A webhook endpoint: the URL to which a subscriber's events are delivered. */
export interface Endpoint extends EndpointSettings {
  /** the endpoint's id; the name is persisted */
  readonly orderId: string;
  readonly version: number;
  readonly status: 'enabled' | 'disabled' | 'deleted';
  readonly updatedAt: string;
  /** deliveries begin after it; absent for the beginning of the feed */
  readonly after?: FeedPlace;
  /** why it is disabled; absent if it is not */
  readonly disabledBecause?: string;
  /** ids of its signing secrets, the newest first. A secret itself never enters the log. */
  readonly secretIds: readonly string[];
  /** number of `CommandRejected` events in the log, at most `rejectionsKept` */
  readonly rejections: number;
  readonly resumed?: { readonly version: number };
}

/** Each command's data, by the command's name. */
export interface EndpointCommands {
  CreateEndpoint: Partial<EndpointSettings> &
    Pick<EndpointSettings, 'url'> & { readonly secretId: string; readonly after?: FeedPlace } & Allowing;
  ChangeEndpoint: Partial<EndpointSettings> & Allowing;
  RotateSecret: { readonly secretId: string };
  DisableEndpoint: { readonly reason: string };
  EnableEndpoint: object;
  DeleteEndpoint: object;
}

/** A member of a command that no event has. */
interface Allowing {
  /** whether the configuration allowed http when the command was sent */
  readonly allowHttp?: true;
}

export type EndpointEvent =
  | {
      readonly type: 'EndpointCreated';
      readonly data: Omit<EndpointCommands['CreateEndpoint'], 'allowHttp'> &
        Pick<EndpointSettings, 'eventTypes'>;
    }
  | { readonly type: 'EndpointChanged'; readonly data: Partial<EndpointSettings> }
  | { readonly type: 'SecretRotated'; readonly data: EndpointCommands['RotateSecret'] }
  | { readonly type: 'EndpointDisabled'; readonly data: EndpointCommands['DisableEndpoint'] }
  | { readonly type: 'EndpointEnabled' | 'EndpointDeleted'; readonly data: object }
  | { readonly type: 'EndpointResumed'; readonly data: { readonly reason: string } }
  | {
      readonly type: 'CommandRejected';
      readonly data: { readonly command: string; readonly code: string; readonly message: string };
    };

/** Why an endpoint is disabled that a person has disabled. */
export const byRequest = 'by request';

/**
 * How many secrets sign. The old one signs until the next rotation, so that a receiver has time to
 * change.
 */
const secretsKept = 2;
const rejectionsKept = 50;

/** The decider of webhook endpoints. */
export const endpoints: Entity<Endpoint, EndpointEvent, Effect> = {
  name: 'endpoint',
  creation: 'CreateEndpoint',
  commands: ['ChangeEndpoint', 'RotateSecret', 'DisableEndpoint', 'EnableEndpoint', 'DeleteEndpoint'],
  schemaVersions: {
    EndpointCreated: 1,
    EndpointChanged: 1,
    SecretRotated: 1,
    EndpointDisabled: 1,
    EndpointEnabled: 1,
    EndpointDeleted: 1,
    EndpointResumed: 1,
    CommandRejected: 1,
  },
  // Each event type has one schema version.
  upcast: (stored) => stored as EndpointEvent & Envelope,
  decide,
  evolve,
  consequence: () => undefined,
  rejection: ({ rejections }, command, { code, message }) =>
    rejections < rejectionsKept ? [{ type: 'CommandRejected', data: { command, code, message } }] : [],
  cancel: () => ({ type: 'DeleteEndpoint', data: {}, hasIssuer: true }),
  effects: () => [],
  settle: () => [],
  performer: ({ type }) => type,
  nextDeadline: () => undefined,
  expire: () => [],
  isFinished: ({ status }) => status === 'deleted',
  resumption: (data) => ({ type: 'EndpointResumed', data }),
  allowed: ({ status }) => ({ allowedCommands: status === 'deleted' ? [] : endpoints.commands }),
  answerFields: () => ({}),
  summary: ({ type }) => type,
  details: ({ status, url, version }) => `**${status}** · ${url} · version ${version}`,
};

function decide(endpoint: Endpoint | undefined, type: string, data: unknown): Decision<EndpointEvent> {
  const given = data as Partial<EndpointCommands['CreateEndpoint'] & EndpointCommands['DisableEndpoint']>;
  const { url, secretId, reason, after, allowHttp } = given;
  if (endpoint?.status === 'deleted') return refused('not_allowed', 'not_allowed', 'it is deleted');
  if (url !== undefined && !isDeliverable(url, allowHttp === true))
    return refused('invalid', 'invalid_url', `${url} is no absolute https URL`, '/url');
  switch (type) {
    case 'CreateEndpoint':
      if (url === undefined || secretId === undefined)
        return refused('invalid', 'missing_field', 'an endpoint has a url and a secretId');
      return decided({
        type: 'EndpointCreated',
        data: { eventTypes: [], ...settingsIn(given), url, secretId, ...(after && { after }) },
      });
    case 'ChangeEndpoint':
      return decided({ type: 'EndpointChanged', data: settingsIn(given) });
    case 'RotateSecret':
      if (secretId === undefined)
        return refused('invalid', 'missing_field', 'name the secretId', '/secretId');
      return decided({ type: 'SecretRotated', data: { secretId } });
    case 'DisableEndpoint':
      if (endpoint?.status === 'disabled')
        return refused('not_allowed', 'not_allowed', 'it is disabled already');
      return decided({ type: 'EndpointDisabled', data: { reason: reason ?? '' } });
    case 'EnableEndpoint':
      if (endpoint?.status === 'enabled')
        return refused('not_allowed', 'not_allowed', 'it is enabled already');
      return decided({ type: 'EndpointEnabled', data: {} });
    default:
      return decided({ type: 'EndpointDeleted', data: {} });
  }
}

function evolve(before: Endpoint | undefined, event: EndpointEvent & Envelope): Endpoint {
  const { orderId, version, occurredAt: updatedAt } = event;
  if (event.type === 'EndpointCreated') {
    const { secretId, ...settings } = event.data;
    return {
      orderId,
      version,
      updatedAt,
      status: 'enabled',
      customers: [],
      tags: [],
      payload: 'event',
      ...settings,
      secretIds: [secretId],
      rejections: 0,
    };
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

const settings = [
  'url',
  'eventTypes',
  'customers',
  'tags',
  'payload',
  'description',
  'perSecond',
] as const satisfies readonly (keyof EndpointSettings)[];

/** The settings among a command's data. */
function settingsIn(data: Partial<EndpointSettings>): Partial<EndpointSettings> {
  const given = settings.filter((name) => data[name] !== undefined);
  return Object.fromEntries(given.map((name) => [name, data[name]]));
}

function isDeliverable(url: string, allowHttp: boolean): boolean {
  return /^https:\/\/[^\s/?#]+\S*$/.test(allowHttp ? url.replace(/^http:/, 'https:') : url);
}

function decided(event: EndpointEvent): Decision<EndpointEvent> {
  return { events: [event] };
}

function refused(
  kind: Refusal['kind'],
  code: string,
  message: string,
  pointer?: string,
): Decision<EndpointEvent> {
  return { refusal: { kind, code, message, ...(pointer !== undefined && { pointer }) } };
}
