import { type EventTone, inShort, toneOf } from '../../event-words.js';
import type { OrderEvent } from '../../order/events.js';
import type { Cell, Column } from './table.js';
import type { Format } from './terminal.js';

/* Events as rows of a table. */

export const eventColumns: readonly Column[] = [
  { title: 'VERSION', align: 'right' },
  { title: 'TIME' },
  { title: 'EVENT' },
  { title: 'ACTOR' },
  { title: 'WHAT' },
];

/** An event as a row under `eventColumns`. */
export function eventRow(event: OrderEvent, currency: string): readonly Cell[] {
  const { version, occurredAt, type } = event;
  const format = toneFormats[toneOf(event)];
  return [
    String(version),
    occurredAt,
    format === undefined ? type : { text: type, format },
    whoDid(event),
    inShort(event, currency),
  ];
}

/** The actor of an event and, if there is one, the user or client on whose behalf it acted. */
export function whoDid({ actor, onBehalfOf }: Pick<OrderEvent, 'actor' | 'onBehalfOf'>): string {
  return onBehalfOf === undefined ? actor : `${actor} for ${onBehalfOf}`;
}

/**
 * Columns with fixed widths for `watch`, which prints each row as it arrives and cannot measure the
 * rows to come.
 */
export const liveColumns: readonly Column[] = [
  { title: 'VERSION', align: 'right' },
  { title: 'TIME'.padEnd(24) },
  { title: 'EVENT'.padEnd(20) },
  { title: 'ACTOR'.padEnd(10) },
  { title: 'WHAT' },
];

const toneFormats: Readonly<Record<EventTone, Format | undefined>> = {
  good: 'green',
  warn: 'yellow',
  bad: 'red',
  plain: undefined,
};
