import type { Db } from 'mongodb';
import { type TOptional, type TString, Type } from 'typebox';
import { cloudEventOf } from '../../../delivery/cloud-events.js';
import { chosenEvents, type EventFilter } from '../../../delivery/chosen-events.js';
import type { PositionedEvent } from '../../../log/feed/feed.js';
import { committedInTime } from '../../../mongodb/durability.js';
import { schemaVersions } from '../../../order/events.js';
import { MAX_TAG_LENGTH } from '../../../order/patterns.js';
import { type Payload, payloads } from '../../../selection.js';
import { upcastIfKnown } from '../../../order/upcasters.js';
import { isLongerThanTag, itemsIn } from '../../../server/config/items.js';
import { Ids, Tags } from '../../schemas/values.js';
import { badQuery } from '../query-parameters.js';

/**
 * Parameters that select events of the feed, and their form. Webhook endpoints have the same
 * settings.
 */
export const selectionParameters = {
  types: list(Ids, 'types of events, such as `OrderConfirmed,OrderCancelled`'),
  customers: list(Ids, 'only events of the orders of these customers, by their ids'),
  tags: list(Tags, 'only events of orders with one of these tags; one that has a comma is in double quotes'),
  payload: Type.Optional(
    Type.Enum([...payloads], {
      description:
        'as CloudEvents 1.0, as webhooks are: with ids alone, the event, or the event and the order after it',
    }),
  ),
};

function list(schema: TString, description: string): TOptional<TString> {
  return Type.Optional(Type.String({ ...schema, description: `${description}; separated by commas` }));
}

/** Which events a reader of the feed gets, and in which form. */
export interface ReaderSelection extends EventFilter {
  /** undefined: events are sent as they are, without an envelope */
  readonly payload: Payload | undefined;
}

interface Given {
  readonly types?: string;
  readonly customers?: string;
  readonly tags?: string;
  readonly payload?: string;
}

/**
 * @returns undefined if the reader gets all events as they are
 * @throws HttpProblem 400 for an unknown type of events, a tag that is too long, or a list without
 *   items or with an open quote
 */
export function selectionIn({ types, customers, tags, payload }: Given): ReaderSelection | undefined {
  if ([types, customers, tags, payload].every((given) => given === undefined)) return undefined;
  const eventTypes = itemsOfParameter('types', types);
  const known = Object.keys(schemaVersions);
  const unknown = eventTypes.find((type) => !known.includes(type));
  if (unknown !== undefined)
    throw badQuery('types', `${unknown} is not a type of events; there are ${known.join(', ')}`);
  const chosenTags = itemsOfParameter('tags', tags);
  if (chosenTags.some(isLongerThanTag))
    throw badQuery('tags', `a tag has at most ${MAX_TAG_LENGTH} characters`);
  return {
    eventTypes,
    customers: itemsOfParameter('customers', customers),
    tags: chosenTags,
    // The schema of the parameter allows only these values.
    payload: payload as Payload | undefined,
  };
}

/**
 * The items of a parameter; none if it is absent. A list without items is refused, because it would
 * let everything through.
 */
function itemsOfParameter(parameter: string, text: string | undefined): readonly string[] {
  const items = itemsIn(text ?? '');
  if (items === undefined) throw badQuery(parameter, 'a double quote is not closed');
  if (text !== undefined && items.length === 0)
    throw badQuery(parameter, 'it names nothing: leave it out for all');
  return items;
}

/** An event as a reader gets it. */
export interface Selected {
  readonly position: number;
  readonly data: object;
}

/** The events that match the selection, in the form that it asks for. */
export async function selected(
  db: Db,
  selection: ReaderSelection,
  events: readonly PositionedEvent[],
  generation: number,
): Promise<readonly Selected[]> {
  const { payload } = selection;
  const chosen = await chosenEvents(db, selection, events, { maxTimeMS: committedInTime.maxTimeMS });
  return chosen.map(({ event, order }) => {
    const known = upcastIfKnown(event);
    const data = payload === undefined ? known : cloudEventOf(known, generation, payload, order);
    return { position: event.position, data };
  });
}
