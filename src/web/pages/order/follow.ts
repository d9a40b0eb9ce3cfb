import { type ReadonlySignal, signal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import { get, Problem, problemOf, request, withQuery } from '../../api.js';
import { setFailing, TRY_AGAIN_MS } from '../../resource.js';
import type { OrderNow, Page, RecordedEvent } from '../../shapes.js';
import { useStream } from '../../stream.js';
import { type Step, stepsOf } from './steps.js';

/** An order and its events, as they are now. */
export interface FollowedOrder {
  readonly order?: OrderNow;
  readonly steps: readonly Step[];
  /**
   * why the events cannot be shown; the page then has the order as it is now, and the events that
   * it has read before
   */
  readonly eventsProblem?: string;
  readonly problem?: Problem;
  /** `workflow` or `history` if the view could not answer */
  readonly servedBy?: string;
}

/** An order that is followed. `reload` reads it immediately. */
export interface Following {
  readonly state: ReadonlySignal<FollowedOrder>;
  readonly reload: () => void;
}

const PAGE_SIZE = 1_000;
/**
 * The order is also polled, because the stream sends nothing while no process gives positions to
 * events.
 */
const LOOK_EVERY_MS = 10_000;

/** Follows an order. The stream announces events, which are then read. */
export function useOrder(orderId: string): Following {
  const following = useMemo(() => follow(orderId), [orderId]);
  useEffect(() => {
    following.reload();
    return following.close;
  }, [following]);
  const { steps, order } = following.state.value;
  const isThere = order !== undefined;
  const base = `/v1/orders/${encodeURIComponent(orderId)}`;
  // The stream starts after the events of the first read. Later reads must not open it again.
  const first = useMemo(() => steps.length, [base, isThere]);
  useStream(isThere ? withQuery(`${base}/stream`, { after: first }) : undefined, ({ version }) => {
    if (version > following.state.value.steps.length) following.reload();
  });
  return following;
}

function follow(orderId: string): Following & { readonly close: () => void } {
  const state = signal<FollowedOrder>({ steps: [] });
  const base = `/v1/orders/${encodeURIComponent(orderId)}`;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isReading = false;
  let isAskedAgain = false;
  let isClosed = false;

  async function readEvents(): Promise<readonly RecordedEvent[]> {
    const known = state.value.steps.map(({ event }) => event);
    for (;;) {
      const path = withQuery(`${base}/events`, { after: known.length, limit: PAGE_SIZE });
      const { data, nextCursor } = await get<Page<RecordedEvent>>(path).catch((error: unknown) => {
        // MongoDB is unavailable, so the events are read from Temporal.
        if (error instanceof Problem && error.status === 503)
          return get<Page<RecordedEvent>>(`${path}&source=history`);
        throw error;
      });
      known.push(...data);
      if (nextCursor === undefined || data.length === 0) return known;
    }
  }

  async function read(): Promise<undefined> {
    const [answer, events] = await Promise.all([
      request<OrderNow>(base),
      readEvents().catch((error: unknown) => (error instanceof Problem ? error : Promise.reject(error))),
    ]);
    const servedBy = answer.headers.get('served-by') ?? '';
    const found = { order: answer.body, ...(servedBy !== 'view' && { servedBy }) };
    if (events instanceof Problem) {
      state.value = { ...found, steps: state.value.steps, eventsProblem: events.message };
      throw events;
    }
    state.value = { ...found, ...folded(events) };
  }

  function folded(events: readonly RecordedEvent[]): Pick<FollowedOrder, 'steps' | 'eventsProblem'> {
    try {
      if (events[0]?.version !== 1)
        return { steps: [], eventsProblem: 'Its first events are no longer kept.' };
      return { steps: stepsOf(events, state.value.steps) };
    } catch (error) {
      return { steps: state.value.steps, eventsProblem: `Its events cannot be shown: ${String(error)}` };
    }
  }

  const reload = (): void => {
    if (isReading) {
      isAskedAgain = true;
      return;
    }
    isReading = true;
    clearTimeout(timer);
    void attempt();
  };
  async function attempt(): Promise<void> {
    const problem = await read().catch(problemOf);
    isReading = false;
    if (isClosed) return;
    const isOutage = problem?.isOutage === true;
    if (problem !== undefined && (state.value.order === undefined || !isOutage))
      state.value = { ...state.value, problem };
    setFailing(base, isOutage ? problem : undefined);
    timer = setTimeout(reload, isAskedAgain ? 0 : isOutage ? TRY_AGAIN_MS : LOOK_EVERY_MS);
    isAskedAgain = false;
  }
  const close = (): void => {
    isClosed = true;
    clearTimeout(timer);
    setFailing(base, undefined);
  };
  return { state, reload, close };
}
