import { type Deadline, deadlines } from '../../../order/deadlines.js';
import type { OwedEffect } from '../../../order/effects.js';
import { evolve } from '../../../order/evolve.js';
import type { Order } from '../../../order/order.js';
import { type OrderView, toView } from '../../../order/view.js';
import type { RecordedEvent } from '../../shapes.js';

/** One event, and the order after it. */
export interface Step {
  readonly event: RecordedEvent;
  readonly state: Order;
  readonly view: OrderView;
}

/**
 * Folds the events in the browser, with the code of the workflow and the views. So every version is
 * available without a request. Steps that are known already are reused.
 *
 * @param events the events from version 1, without gaps
 * @throws TypeError if this page is too old for an event
 */
export function stepsOf(events: readonly RecordedEvent[], known: readonly Step[] = []): readonly Step[] {
  const steps = [...known];
  for (const event of events.slice(known.length)) {
    const state = evolve(steps.at(-1)?.state, event);
    steps.push({ event, state, view: toView(state) });
  }
  return steps;
}

/** An expected event: an owed effect, a deadline, or what a previewed command would cause. */
export interface ExpectedEvent {
  readonly key: string;
  readonly kind: 'effect' | 'deadline' | 'preview';
  readonly title: string;
  /** ISO-8601 UTC; absent if it may happen at any moment */
  readonly at?: string;
}

const titles: Readonly<Record<Deadline['name'], string>> = {
  'payment-deadline': 'Pending payment times out',
  'authorization-expiry': 'Authorization expires',
  'return-window': 'Return window closes',
  'fact-unmatched': 'A report that does not fit is given up',
};

/**
 * The expected events: effects that are owed, then deadlines, the earliest first.
 *
 * @param tries when an effect is tried again, by its key
 */
export function expectedAfter(
  state: Order,
  tries: ReadonlyMap<string, string> = new Map(),
): readonly ExpectedEvent[] {
  const owed = state.owed.map((effect): ExpectedEvent => {
    const at = tries.get(effect.key);
    return {
      key: effect.key,
      kind: 'effect',
      title: `${verbs[effect.type]}, ${at === undefined ? 'owed' : 'tried again'}`,
      ...(at !== undefined && { at }),
    };
  });
  const upcoming = deadlines(state).map(({ name, at }): ExpectedEvent => ({
    key: `${name} ${at}`,
    kind: 'deadline',
    title: titles[name],
    at,
  }));
  return [...owed, ...upcoming];
}

const verbs: Readonly<Record<OwedEffect['type'], string>> = {
  reserve: 'Reserve stock',
  release: 'Release stock',
  deduct: 'Take from stock',
  restock: 'Put back to stock',
  authorize: 'Authorize payment',
  capture: 'Capture payment',
  void: 'Void authorization',
  refund: 'Refund',
  book: 'Book label',
};

/**
 * The index of the last step up to a time; that of the first step if the order did not exist yet.
 */
export function indexAt(steps: readonly Step[], time: string): number {
  const after = steps.findIndex(({ event }) => Date.parse(event.occurredAt) > Date.parse(time));
  return after === -1 ? steps.length - 1 : Math.max(0, after - 1);
}

/** Whether a step changed this part of the order. */
export function isChanged(
  step: Step,
  before: Step | undefined,
  part: (view: OrderView, state: Order) => unknown,
): boolean {
  if (before === undefined) return false;
  return JSON.stringify(part(step.view, step.state)) !== JSON.stringify(part(before.view, before.state));
}
