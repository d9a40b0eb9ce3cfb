import { type ReadonlySignal, signal } from '@preact/signals';
import { get, type Problem, problemOf, withQuery } from '../../api.js';
import { setFailing, TRY_AGAIN_MS } from '../../resource.js';
import type { OrderNow, Page } from '../../shapes.js';
import { asQuery, type Filters } from './filters.js';

const PAGE_SIZE = 100;
/** Changed rows are collected for this time, and read together. */
const GATHER_MS = 400;
/** Maximum number of changed rows that are read together. Further rows are read afterwards. */
const MAX_REFRESHED = 20;

/** The rows of the list that were read so far. */
export interface Rows {
  readonly rows: readonly OrderNow[];
  readonly isComplete: boolean;
  readonly problem?: Problem;
  /**
   * orders created since the list was read; they are shown when the reader asks, so no row moves
   */
  readonly created: number;
}

export interface RowList {
  readonly state: ReadonlySignal<Rows | undefined>;
  /** Reads the next page, unless it is being read. */
  readonly more: () => void;
  /** Reads from the first page. */
  readonly restart: () => void;
  /** Called when an order has changed. If the list has its row, the row is read again. */
  readonly orderChanged: (orderId: string, isCreated: boolean) => void;
  readonly close: () => void;
}

/** The rows of a list with these filters. Nothing is read before the first `more`. */
export function listRows(filters: Filters): RowList {
  const state = signal<Rows | undefined>(undefined);
  const path = withQuery('/v1/orders', { ...asQuery(filters), limit: PAGE_SIZE });
  let cursor: string | undefined;
  let reading: AbortController | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let gathering: ReturnType<typeof setTimeout> | undefined;
  const stale = new Set<string>();

  const more = (): void => {
    if (reading !== undefined || state.value?.isComplete === true) return;
    reading = new AbortController();
    void read(reading);
  };

  async function read(aborting: AbortController): Promise<void> {
    try {
      const page = await get<Page<OrderNow>>(
        cursor === undefined ? path : `${path}&cursor=${encodeURIComponent(cursor)}`,
        { signal: aborting.signal },
      );
      const before = cursor === undefined ? undefined : state.value;
      cursor = page.nextCursor;
      state.value = {
        rows: [...(before?.rows ?? []), ...page.data],
        isComplete: cursor === undefined,
        created: before?.created ?? 0,
      };
      setFailing(path, undefined);
      reading = undefined;
    } catch (error) {
      if (aborting.signal.aborted) return;
      const problem = problemOf(error);
      state.value = { ...(state.value ?? { rows: [], isComplete: false, created: 0 }), problem };
      reading = undefined;
      if (!problem.isOutage) return;
      setFailing(path, problem);
      timer = setTimeout(more, TRY_AGAIN_MS);
    }
  }

  async function refresh(): Promise<void> {
    const ids = [...stale].slice(0, MAX_REFRESHED);
    for (const id of ids) stale.delete(id);
    gathering = stale.size === 0 ? undefined : setTimeout(() => void refresh(), GATHER_MS);
    const found = await Promise.all(
      ids.map((id) =>
        get<OrderNow>(`/v1/orders/${encodeURIComponent(id)}`).catch((error: unknown) => {
          // The row is read again in the next refresh, which follows when any listed order changes.
          if (problemOf(error).isOutage) stale.add(id);
        }),
      ),
    );
    const fresh = new Map(found.flatMap((order) => (order === undefined ? [] : [[order.orderId, order]])));
    const { value } = state;
    if (value === undefined || fresh.size === 0) return;
    state.value = { ...value, rows: value.rows.map((row) => fresh.get(row.orderId) ?? row) };
  }

  const list: RowList = {
    state,
    more,
    restart() {
      list.close();
      cursor = undefined;
      reading = undefined;
      state.value = state.value && { ...state.value, isComplete: false };
      more();
    },
    orderChanged(orderId, isCreated) {
      const { value } = state;
      if (value === undefined) return;
      if (value.rows.some((row) => row.orderId === orderId)) {
        stale.add(orderId);
        gathering ??= setTimeout(() => void refresh(), GATHER_MS);
      } else if (isCreated) state.value = { ...value, created: value.created + 1 };
    },
    close() {
      reading?.abort();
      clearTimeout(timer);
      clearTimeout(gathering);
      gathering = undefined;
      stale.clear();
      setFailing(path, undefined);
    },
  };
  return list;
}
