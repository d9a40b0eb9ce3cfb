import { inShort, toneOf } from '../../../event-words.js';
import { now } from '../../clock.js';
import {
  countdown,
  dayAndMinute,
  dayOf,
  duration,
  eventName,
  notForThisKey,
  timeOfDay,
  withTimes,
} from '../../format.js';
import type { RecordedEvent } from '../../shapes.js';
import type { ExpectedEvent, Step } from './steps.js';

interface EventsProps {
  readonly steps: readonly Step[];
  readonly expected: readonly ExpectedEvent[];
  readonly shown: number;
  readonly onShow: (index: number) => void;
}

/**
 * All events, the oldest first, and after them the expected ones. New events are added at the end,
 * so no row moves.
 */
export function Events({ steps, expected, shown, onShow }: EventsProps) {
  const currency = steps[0]?.view.currency ?? '';
  return (
    <section class="panel events" aria-label="Events">
      <h2>What happened</h2>
      <ol>
        {steps.map(({ event }, index) => {
          const before = steps[index - 1]?.event.occurredAt;
          return (
            <li key={event.version} class={index === shown ? 'shown' : index > shown ? 'later' : ''}>
              {(before === undefined || dayOf(before) !== dayOf(event.occurredAt)) && (
                <span class="day">{dayOf(event.occurredAt)}</span>
              )}
              <button
                type="button"
                class="event"
                aria-current={index === shown ? 'step' : undefined}
                onClick={() => onShow(index)}
              >
                <span class="version">{event.version}</span>
                <span class={`mark ${toneOf(event)}`} />
                <span class="what">
                  <b>{eventName(event.type)}</b> {summaryOf(event, currency)}
                </span>
                <span class="who">{event.actor}</span>
                <time dateTime={event.occurredAt}>{timeOfDay(event.occurredAt)}</time>
              </button>
            </li>
          );
        })}
      </ol>
      {expected.length > 0 && (
        <Expected
          expected={expected}
          pastEvent={shown < steps.length - 1 ? steps[shown]?.event : undefined}
        />
      )}
    </section>
  );
}

interface ExpectedProps {
  readonly expected: readonly ExpectedEvent[];
  /** the past event after which these events were expected; undefined if they are expected now */
  readonly pastEvent: RecordedEvent | undefined;
}

/** The expected events. Unlike the list of events, this part is drawn again every second. */
function Expected({ expected, pastEvent }: ExpectedProps) {
  const whenOf = (at: string) =>
    pastEvent === undefined
      ? countdown(at, now.value)
      : `${duration(Date.parse(at) - Date.parse(pastEvent.occurredAt))} later`;
  return (
    <ol
      class="ahead"
      aria-label={
        pastEvent === undefined ? 'What is to come' : `What was to come after version ${pastEvent.version}`
      }
    >
      {pastEvent !== undefined && <li class="label">Then to come:</li>}
      {expected.map((one) => (
        <li key={one.key} class={`expected-row ${one.kind}`}>
          <span class="mark" />
          <span class="what">{one.title}</span>
          <span class="who">{one.at === undefined ? 'at any moment' : whenOf(one.at)}</span>
          {one.at !== undefined && <time dateTime={one.at}>{dayAndMinute(one.at)}</time>}
        </li>
      ))}
    </ol>
  );
}

/** An event in a few words, without sealed values, and with times as people read them. */
export function summaryOf(event: RecordedEvent, currency: string): string {
  return withTimes(inShort(event, currency)).replaceAll(/sealed:[\w.:+/=-]+/g, notForThisKey);
}
