import { useComputed, useSignal } from '@preact/signals';
import { useLocation, useRoute } from 'preact-iso';
import { useEffect } from 'preact/hooks';
import type { Preview } from '../../../api/commands/gateway/preview.js';
import { withQuery } from '../../api.js';
import { eventName, words } from '../../format.js';
import { Refused, Skeleton } from '../../parts/states.js';
import { useTitle } from '../../parts/title.js';
import { useResource } from '../../resource.js';
import type { Next, OrderNow } from '../../shapes.js';
import { Commands } from './commands.js';
import { Events } from './events.js';
import { type FollowedOrder, type Following, useOrder } from './follow.js';
import { OrderHead } from './head.js';
import { OrderAtVersion } from './order-at-version.js';
import { type ExpectedEvent, expectedAfter, indexAt, type Step, stepsOf } from './steps.js';
import { Timeline } from './timeline.js';
import { WaitingFor } from './waiting-for.js';
import { Why } from './why.js';

const LOOK_OFTEN_MS = 3_000;
const LOOK_EVERY_MS = 15_000;

/** One order: its timeline, its state at any version, its events, and its commands. */
export function OrderPage() {
  const { orderId = '' } = useRoute().params;
  useTitle(`Order ${orderId}`);
  const following = useOrder(orderId);
  const { order, problem } = following.state.value;
  if (order === undefined)
    return (
      <>
        <h1 class="hidden">Order {orderId}</h1>
        {problem === undefined ? <Loading /> : <Refused problem={problem} />}
      </>
    );
  return <LoadedOrder key={orderId} following={following} order={order} />;
}

function Loading() {
  return (
    <section class="order">
      <Skeleton lines={3} />
      <div class="skeleton-line" />
      <Skeleton lines={12} />
    </section>
  );
}

function LoadedOrder({ following, order }: { readonly following: Following; readonly order: OrderNow }) {
  const previewed = useSignal<Preview | undefined>(undefined);
  const { steps, eventsProblem, servedBy } = following.state.value;
  const { shown, show } = useShown(order.orderId, steps);
  const last = steps.at(-1);
  const step = steps[shown];
  const isPast = step !== undefined && shown < steps.length - 1;
  const previewStep = useComputed(() => stepAfter(following.state.value, previewed.value));
  const next = useNext(order);
  const expected = isPast ? expectedAfter(step.state) : expectedNow(last, previewed.value, next);
  const shownPreview = isPast ? undefined : previewStep.value;
  useArrowKeys(shown, show, steps.length);
  return (
    <section class="order">
      <OrderHead order={order} last={last} next={next} servedBy={servedBy} />
      {eventsProblem !== undefined && <p class="notice">{eventsProblem}</p>}
      {step === undefined ? (
        <Commands order={order} past={undefined} previewed={previewed} onDone={following.reload} />
      ) : (
        <>
          <Timeline steps={steps} expected={expected} shown={shown} onShow={show} />
          <div class="columns">
            <div class="state">
              <h2 class={`as-of ${isPast ? 'past' : ''} ${shownPreview ? 'preview' : ''}`}>
                {shownPreview
                  ? 'As it would be'
                  : isPast
                    ? `As it was after version ${step.event.version}`
                    : 'As it is'}
                {isPast && (
                  <button type="button" class="small" onClick={() => show(steps.length - 1)}>
                    To now
                  </button>
                )}
              </h2>
              <OrderAtVersion step={shownPreview ?? step} before={shownPreview ? last : steps[shown - 1]} />
            </div>
            <div class="story">
              <Why event={step.event} currency={order.currency} workflowUrl={next?.workflow?.url} />
              <Events steps={steps} expected={expected} shown={shown} onShow={show} />
            </div>
            <div class="acting">
              <Commands
                order={order}
                past={isPast ? step.view : undefined}
                previewed={previewed}
                onDone={following.reload}
              />
              <WaitingFor order={order} last={last} next={next} />
            </div>
          </div>
        </>
      )}
    </section>
  );
}

/**
 * The step that `v` or `at` in the address names. Without either, it is the last one, also after
 * new events arrive.
 */
function useShown(orderId: string, steps: readonly Step[]) {
  const { query, route } = useLocation();
  const last = steps.length - 1;
  const { v, at } = query;
  const asked =
    v !== undefined && /^\d+$/.test(v)
      ? Number(v) - 1
      : at === undefined || Number.isNaN(Date.parse(at))
        ? last
        : indexAt(steps, at);
  const shown = Math.max(0, Math.min(last, asked));
  const show = (index: number): void => {
    const to = Math.max(0, Math.min(last, index));
    const path = `/orders/${encodeURIComponent(orderId)}`;
    route(withQuery(path, { v: to === last ? undefined : to + 1 }), true);
  };
  return { shown, show };
}

/** Steps through the versions with ← and →, except while the reader types. */
function useArrowKeys(shown: number, show: (index: number) => void, many: number): void {
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent): void => {
      const { target, key, altKey, ctrlKey, metaKey } = event;
      const isTyping = target instanceof Element && target.closest('input, textarea, select, [role=slider]');
      if (isTyping || altKey || ctrlKey || metaKey || event.defaultPrevented) return;
      if (key === 'ArrowLeft' && shown > 0) show(shown - 1);
      if (key === 'ArrowRight' && shown < many - 1) show(shown + 1);
    };
    document.addEventListener('keydown', onKeyDown);
    return () => document.removeEventListener('keydown', onKeyDown);
  });
}

/** What the order waits for, as Temporal knows it. It is read again with each version. */
function useNext({ orderId, version, attention }: OrderNow): Next | undefined {
  const needsPerson = attention !== undefined;
  const found = useResource<Next>(
    `/v1/orders/${encodeURIComponent(orderId)}/next`,
    needsPerson ? LOOK_OFTEN_MS : LOOK_EVERY_MS,
  );
  useEffect(found.reload, [version]);
  return found.state.value.data;
}

/** The order as a previewed command would leave it. */
function stepAfter({ steps }: FollowedOrder, preview: Preview | undefined): Step | undefined {
  if (preview === undefined || preview.version !== steps.length || preview.events.length === 0)
    return undefined;
  return stepsOf([...steps.map(({ event }) => event), ...preview.events], steps).at(-1);
}

function expectedNow(
  last: Step | undefined,
  preview: Preview | undefined,
  next: Next | undefined,
): readonly ExpectedEvent[] {
  if (last === undefined) return [];
  if (preview === undefined) {
    const tries = next?.effects.flatMap(({ key, nextTryAt }) =>
      nextTryAt === undefined ? [] : [[key, nextTryAt] as const],
    );
    return expectedAfter(last.state, new Map(tries));
  }
  return [
    ...preview.events.map((event): ExpectedEvent => ({
      key: `preview ${event.version}`,
      kind: 'preview',
      title: `${eventName(event.type)}, previewed`,
    })),
    ...preview.effects.map(({ key, summary }): ExpectedEvent => ({ key, kind: 'effect', title: summary })),
    ...preview.deadlines.map(({ what, at }): ExpectedEvent => ({
      key: `${what} ${at}`,
      kind: 'deadline',
      title: words(what),
      at,
    })),
  ];
}
