import type { Refusal } from '../log/entity.js';

/** What an endpoint gets of an event: ids alone, the event, or the event with the order after it. */
export const payloads = ['thin', 'event', 'order'] as const;

/** What is delivered to an endpoint, and how. */
export interface EndpointSettings {
  /** absolute, https unless private addresses are allowed */
  readonly url: string;
  /** the event types to deliver; empty for all */
  readonly eventTypes: readonly string[];
  /** the customers whose orders' events are delivered; empty for all */
  readonly customers: readonly string[];
  /** only orders that have at least one of these tags; empty for all */
  readonly tags: readonly string[];
  readonly payload: (typeof payloads)[number];
  readonly description?: string;
  /** deliveries a second, at most; absent: no limit */
  readonly perSecond?: number;
}

/** The reason of an endpoint that a person has disabled. */
export const byRequest = 'by request';

export const defaults = { eventTypes: [], customers: [], tags: [], payload: 'event' } as const;

/** Their names; each setting must be here, or it does not compile. */
const names: Readonly<Record<keyof EndpointSettings, true>> = {
  url: true,
  eventTypes: true,
  customers: true,
  tags: true,
  payload: true,
  description: true,
  perSecond: true,
};

/** The settings among a command's data. */
export function settingsIn(data: Partial<EndpointSettings>): Partial<EndpointSettings> {
  const given = (Object.keys(names) as (keyof EndpointSettings)[]).filter((name) => data[name] !== undefined);
  return Object.fromEntries(given.map((name) => [name, data[name]]));
}

/** Why events cannot be delivered to this URL; undefined if they can. */
export function refusedUrl(url: string, allowHttp = false): Refusal | undefined {
  if (/^https:\/\/[^\s/?#]+\S*$/.test(allowHttp ? url.replace(/^http:/, 'https:') : url)) return undefined;
  const message = `${url} is no absolute https URL`;
  return { kind: 'invalid', code: 'invalid_url', message, pointer: '/url' };
}
