import type { ComponentChildren } from 'preact';
import { effectKeyParts } from '../../../log/effect.js';
import { dayAndTime, duration, eventName } from '../../format.js';
import type { RecordedEvent } from '../../shapes.js';
import { summaryOf } from './events.js';

interface WhyProps {
  readonly event: RecordedEvent;
  readonly currency: string;
  /** link to the order in the Temporal Web UI; undefined if the address of that UI is unknown */
  readonly workflowUrl: string | undefined;
}

/** Why an event happened: who caused it, and by which command and request. */
export function Why({ event, currency, workflowUrl }: WhyProps) {
  const { actor, onBehalfOf, causationId, commandId, correlationId, traceId, recordedAt, occurredAt } = event;
  const rows: readonly (readonly [string, ComponentChildren])[] = [
    ['By', onBehalfOf === undefined ? actor : `${actor} for ${onBehalfOf}`],
    ['Because of', causeOf(event)],
    ['Command', commandId],
    ['Cause', causationId],
    ['Request', correlationId],
    ...(traceId === undefined ? [] : [['Trace', traceId] as const]),
    [
      'Recorded',
      recordedAt === undefined
        ? 'in the workflow history'
        : `${duration(Date.parse(recordedAt) - Date.parse(occurredAt))} later, position ${event.position ?? 'to come'}`,
    ],
  ];
  return (
    <section class="panel why" aria-label="Why">
      <h2>
        <span class="version">{event.version}</span> {eventName(event.type)}
      </h2>
      <p class="what">{summaryOf(event, currency) || ' '}</p>
      <dl>
        {rows.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <p>
        <span class="quiet">{dayAndTime(occurredAt)}</span>
        {workflowUrl !== undefined && (
          <>
            {' · '}
            <a href={workflowUrl} target="_blank" rel="noreferrer">
              Its workflow in Temporal
            </a>
          </>
        )}
      </p>
    </section>
  );
}

/** The cause in words: a client's command, the outcome of an effect, or a deadline. */
function causeOf({ causationId, orderId, version, actor }: RecordedEvent): string {
  if (version === 1) return 'the command that created the order';
  if (actor === 'clock') return 'a deadline that passed';
  const effect = effectKeyParts(causationId);
  return effect?.orderId === orderId
    ? `the outcome of ${effect.type}, owed since version ${effect.version}`
    : 'a command';
}
