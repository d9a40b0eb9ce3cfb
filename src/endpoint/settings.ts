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

/** What an endpoint gets of an event: ids alone, the event, or the event with the order after it. */
export const payloads = ['thin', 'event', 'order'] as const;
/** The settings of a new endpoint, if the command gives no others. */
export const defaults = { eventTypes: [], customers: [], tags: [], payload: 'event' } as const;
/** Has every setting; a setting that is missing here does not compile. */
const all: Required<EndpointSettings> = { ...defaults, url: '', description: '', perSecond: 0 };
export const settingNames = Object.keys(all);
