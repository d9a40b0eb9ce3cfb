import { type Signal, useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { toneOf } from '../../../event-words.js';
import { now } from '../../clock.js';
import { countdown, dayAndMinute, dayAndTime, duration, eventName } from '../../format.js';
import {
  nearest,
  type Positions,
  positionsOfExpected,
  positionsOf,
  type Scale,
} from './timeline-positions.js';
import type { ExpectedEvent, Step } from './steps.js';

interface TimelineProps {
  readonly steps: readonly Step[];
  /** what is expected after the step that is shown */
  readonly expected: readonly ExpectedEvent[];
  /** index of the step that is shown */
  readonly shown: number;
  readonly onShow: (index: number) => void;
}

const keys: Readonly<Record<string, (at: number, last: number) => number>> = {
  ArrowLeft: (at) => at - 1,
  ArrowRight: (at) => at + 1,
  ArrowDown: (at) => at - 1,
  ArrowUp: (at) => at + 1,
  PageDown: (at) => at - 10,
  PageUp: (at) => at + 10,
  Home: () => 0,
  End: (_, last) => last,
};

/** Narrower gaps have no room for a label. */
const MIN_LABELLED_SHARE = 0.055;
/**
 * With more expected events than this, there is no room for labels. The list of events has the
 * text.
 */
const MAX_LABELLED_EXPECTED = 2;

/** The timeline of the order's events and of expected ones. Its handle selects a version. */
export function Timeline({ steps, expected, shown, onShow }: TimelineProps) {
  const scale = useSignal<Scale>('versions');
  const frozen = useSignal<Positions | undefined>(undefined);
  const line = useRef<HTMLDivElement>(null);
  const current = positionsOf(steps, scale.value, scale.value === 'clock' ? now.value : 0);
  // Nothing moves under the pointer: new events are drawn when it has left the timeline.
  const positions = frozen.value ?? current;
  const last = steps.length - 1;
  const step = steps[shown];
  const show = (index: number) => onShow(Math.max(0, Math.min(last, index)));
  const showAt = (event: PointerEvent): void => {
    const box = line.current?.getBoundingClientRect();
    if (box !== undefined) show(nearest(positions.steps, (event.clientX - box.left) / box.width));
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const move = event.altKey || event.metaKey || event.ctrlKey ? undefined : keys[event.key];
    if (move === undefined) return;
    event.preventDefault();
    show(move(shown, last));
  };
  return (
    <section class="timeline" aria-label="Timeline">
      <TimelineHead steps={steps} shown={shown} scale={scale} show={show} />
      <div
        class="line"
        ref={line}
        role="slider"
        tabIndex={0}
        aria-label="Version of the order"
        aria-valuemin={1}
        aria-valuemax={steps.length}
        aria-valuenow={shown + 1}
        aria-valuetext={step && `Version ${shown + 1}: ${eventName(step.event.type)}`}
        onKeyDown={onKeyDown}
        onPointerEnter={() => (frozen.value = current)}
        onPointerLeave={() => (frozen.value = undefined)}
        onPointerDown={(event) => {
          line.current?.setPointerCapture(event.pointerId);
          showAt(event);
        }}
        onPointerMove={(event) => {
          if (event.buttons === 1) showAt(event);
        }}
      >
        <Marks steps={steps} expected={expected} shown={shown} positions={positions} />
      </div>
    </section>
  );
}

interface HeadProps extends Pick<TimelineProps, 'steps' | 'shown'> {
  readonly scale: Signal<Scale>;
  readonly show: (index: number) => void;
}

/** The version that is shown, buttons for the events before and after it, and the scale. */
function TimelineHead({ steps, shown, scale, show }: HeadProps) {
  const step = steps[shown];
  return (
    <header>
      <button
        type="button"
        class="small"
        onClick={() => show(shown - 1)}
        disabled={shown <= 0}
        aria-label="One event back"
      >
        ←
      </button>
      <button
        type="button"
        class="small"
        onClick={() => show(shown + 1)}
        disabled={shown >= steps.length - 1}
        aria-label="One event on"
      >
        →
      </button>
      <p class="when">
        {step && (
          <>
            <b>
              Version {step.event.version} of {steps.length}
            </b>{' '}
            {dayAndTime(step.event.occurredAt)}
          </>
        )}
      </p>
      <div class="scales" role="group" aria-label="Scale">
        {(['versions', 'clock'] as const).map((name) => (
          <button
            key={name}
            type="button"
            class="small"
            aria-pressed={scale.value === name}
            onClick={() => (scale.value = name)}
          >
            {name === 'versions' ? 'By version' : 'By clock'}
          </button>
        ))}
      </div>
    </header>
  );
}

interface MarksProps extends Omit<TimelineProps, 'onShow'> {
  readonly positions: Positions;
}

/** The marks on the line: idle times, events, the present, expected events, and the handle. */
function Marks({ steps, expected, shown, positions }: MarksProps) {
  const ahead = positionsOfExpected(expected.length);
  return (
    <>
      <div class="future" style={{ left: percent(positions.now) }} />
      <div class="past" style={{ width: percent(positions.now) }} />
      <div class="gone" style={{ width: percent(positions.steps[shown] ?? positions.now) }} />
      {positions.gaps.map(({ at, ms, share }, index) =>
        share > MIN_LABELLED_SHARE && ms >= 60_000 ? (
          <span key={index} class="gap" style={{ left: percent(at) }}>
            {duration(ms)}
          </span>
        ) : null,
      )}
      {positions.steps.map((at, index) => {
        const event = steps[index]?.event;
        return (
          event && (
            <span
              key={event.version}
              class={`dot ${toneOf(event)} ${index > shown ? 'later' : ''}`}
              style={{ left: percent(at) }}
              title={`${event.version} ${eventName(event.type)}`}
            />
          )
        );
      })}
      <span class="now" style={{ left: percent(positions.now) }}>
        now
      </span>
      {expected.map((one, index) => {
        const at = ahead[index] ?? 1;
        return (
          <span
            key={one.key}
            class={`expected ${one.kind}`}
            style={{ left: percent(at) }}
            title={titleOf(one)}
          >
            {expected.length <= MAX_LABELLED_EXPECTED && <ExpectedLabel of={one} />}
          </span>
        );
      })}
      <span class="handle" style={{ left: percent(positions.steps[shown] ?? positions.now) }} />
    </>
  );
}

/** The label of an expected event. Unlike the line, it is drawn again every second. */
function ExpectedLabel({ of }: { readonly of: ExpectedEvent }) {
  const { kind, title, at } = of;
  return (
    <small>
      {kind === 'effect' && at !== undefined ? `${title} ${countdown(at, now.value)}` : titleOf(of)}
    </small>
  );
}

function titleOf({ title, at }: ExpectedEvent): string {
  return at === undefined ? title : `${title} ${dayAndMinute(at)}`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(3)}%`;
}
