/** What is delivered to an endpoint, and how. */
export interface EndpointSettings {
  /** absolute; https, unless the configuration allows http */
  readonly url: string;
  /** the event types to deliver; if empty, all are delivered */
  readonly eventTypes: readonly string[];
  /** only orders of these customers; if empty, orders of all customers */
  readonly customers: readonly string[];
  /** only orders that have at least one of these tags; if empty, all orders */
  readonly tags: readonly string[];
  readonly payload: (typeof payloads)[number];
  readonly description?: string;
  /** maximum number of deliveries a second; absent if there is no limit */
  readonly perSecond?: number;
}

/** What a delivery contains: ids alone, the event, or the event and the order after that event. */
export const payloads = ['thin', 'event', 'order'] as const;
/** The settings of a new endpoint, if the command gives no others. */
export const defaults = { eventTypes: [], customers: [], tags: [], payload: 'event' } as const;
/** This object has every setting: if one is missing, it does not compile. */
const all: Required<EndpointSettings> = { ...defaults, url: '', description: '', perSecond: 0 };
export const settingNames = Object.keys(all);
