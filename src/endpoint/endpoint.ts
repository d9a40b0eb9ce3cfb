import type { Decision, Effect, Entity, Envelope, Refusal } from '../log/entity.js';

/** A webhook endpoint: the URL to which a subscriber's events are delivered. */
export interface Endpoint {
  /** the endpoint's id; the name is persisted */
  readonly orderId: string;
  readonly version: number;
  readonly status: 'enabled' | 'disabled' | 'deleted';
  readonly updatedAt: string;
  /** absolute, https */
  readonly url: string;
  /** the event types to deliver; empty for all */
  readonly eventTypes: readonly string[];
  /** ids of its signing secrets, the newest first. A secret itself never enters the log. */
  readonly secretIds: readonly string[];
  /** number of `CommandRejected` events in the log, at most `rejectionsKept` */
  readonly rejections: number;
  readonly resumed?: { readonly version: number };
}

/** Each command's data, by the command's name. */
export interface EndpointCommands {
  CreateEndpoint: Pick<Endpoint, 'url' | 'eventTypes'> & { readonly secretId: string };
  ChangeEndpoint: Partial<Pick<Endpoint, 'url' | 'eventTypes'>>;
  RotateSecret: { readonly secretId: string };
  DisableEndpoint: { readonly reason: string };
  EnableEndpoint: object;
  DeleteEndpoint: object;
}

export type EndpointEvent =
  | { readonly type: 'EndpointCreated'; readonly data: EndpointCommands['CreateEndpoint'] }
  | { readonly type: 'EndpointChanged'; readonly data: EndpointCommands['ChangeEndpoint'] }
  | { readonly type: 'SecretRotated'; readonly data: EndpointCommands['RotateSecret'] }
  | { readonly type: 'EndpointDisabled'; readonly data: EndpointCommands['DisableEndpoint'] }
  | { readonly type: 'EndpointEnabled' | 'EndpointDeleted'; readonly data: object }
  | { readonly type: 'EndpointResumed'; readonly data: { readonly reason: string } }
  | {
      readonly type: 'CommandRejected';
      readonly data: { readonly command: string; readonly code: string; readonly message: string };
    };

/**
 * How many secrets sign: the old one too until the next rotation, so that a receiver has time to
 * change over.
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
  told: () => ({}),
  summary: ({ type }) => type,
  details: ({ status, url, version }) => `**${status}** · ${url} · version ${version}`,
};

function decide(endpoint: Endpoint | undefined, type: string, data: unknown): Decision<EndpointEvent> {
  const given = data as Partial<EndpointCommands['CreateEndpoint'] & EndpointCommands['DisableEndpoint']>;
  const { url, eventTypes, secretId, reason } = given;
  if (endpoint?.status === 'deleted') return refused('not_allowed', 'not_allowed', 'it is deleted');
  if (url !== undefined && !/^https:\/\/[^\s/?#]+\S*$/.test(url))
    return refused('invalid', 'invalid_url', `${url} is no absolute https URL`, '/url');
  switch (type) {
    case 'CreateEndpoint':
      if (url === undefined || secretId === undefined)
        return refused('invalid', 'missing_field', 'an endpoint has a url and a secretId');
      return decided({ type: 'EndpointCreated', data: { url, secretId, eventTypes: eventTypes ?? [] } });
    case 'ChangeEndpoint': {
      const changes = { ...(url !== undefined && { url }), ...(eventTypes !== undefined && { eventTypes }) };
      return decided({ type: 'EndpointChanged', data: changes });
    }
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
    const { url, eventTypes, secretId } = event.data;
    const secretIds = [secretId];
    return { orderId, version, updatedAt, status: 'enabled', url, eventTypes, secretIds, rejections: 0 };
  }
  if (before === undefined) throw new TypeError(`The log of ${orderId} does not start with EndpointCreated.`);
  const endpoint = { ...before, version, updatedAt };
  switch (event.type) {
    case 'EndpointChanged':
      return { ...endpoint, ...event.data };
    case 'SecretRotated':
      return { ...endpoint, secretIds: [event.data.secretId, ...before.secretIds].slice(0, secretsKept) };
    case 'EndpointDisabled':
      return { ...endpoint, status: 'disabled' };
    case 'EndpointEnabled':
      return { ...endpoint, status: 'enabled' };
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
