/**
 * Which events of orders a receiver gets, and in which form. An event has to match each list. An
 * empty list matches all events.
 */
export interface Selection {
  readonly eventTypes: readonly string[];
  /** only orders of these customers, by their ids */
  readonly customers: readonly string[];
  /** only orders that have at least one of these tags */
  readonly tags: readonly string[];
  readonly payload: Payload;
}

/** What a receiver gets of an event: ids alone, the event, or the event and the order after it. */
export const payloads = ['thin', 'event', 'order'] as const;
export type Payload = (typeof payloads)[number];

/** Every event, without the order. */
export const everyEvent = {
  eventTypes: [],
  customers: [],
  tags: [],
  payload: 'event',
} as const satisfies Selection;

export const isText = (value: unknown): value is string => typeof value === 'string';
const isTexts = (value: unknown) => Array.isArray(value) && value.every(isText);

/** For each member of a selection: checks whether a value of any type has the member's shape. */
export const selectionShapes = {
  eventTypes: isTexts,
  customers: isTexts,
  tags: isTexts,
  payload: (value) => payloads.some((payload) => payload === value),
} as const satisfies { readonly [K in keyof Selection]: (value: unknown) => boolean };
