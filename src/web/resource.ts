import { type ReadonlySignal, signal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import { get, type Problem, problemOf } from './api.js';

/** Data from the API. The last data stay while a new read fails. */
export interface Resource<T> {
  readonly data?: T;
  /** why the last read failed; `data`, if present, is from an earlier read */
  readonly problem?: Problem;
}

/** The time from a read that failed in an outage to the next read. */
export const TRY_AGAIN_MS = 1_500;

/** The problems of reads that fail now, by path; the banner shows them. */
export const failing = signal<ReadonlyMap<string, Problem>>(new Map());

/**
 * Tells the banner whether reads of a path fail.
 *
 * @param problem why they fail; undefined if they work again
 */
export function setFailing(path: string, problem: Problem | undefined): void {
  if (problem === undefined && !failing.value.has(path)) return;
  const next = new Map(failing.value);
  if (problem === undefined) next.delete(path);
  else next.set(path, problem);
  failing.value = next;
}

/** A resource that is read, and how to read it again. */
export interface Loaded<T> {
  readonly state: ReadonlySignal<Resource<T>>;
  /** Reads the path again immediately. */
  readonly reload: () => void;
}

/**
 * Reads a path. Repeats the read in an outage until it succeeds, and every `everyMs` if that is
 * given.
 *
 * @param path absent: nothing is read yet
 */
export function useResource<T>(path: string | undefined, everyMs?: number): Loaded<T> {
  const loaded = useMemo(() => load<T>(path, everyMs), [path, everyMs]);
  useEffect(() => {
    loaded.reload();
    return loaded.close;
  }, [loaded]);
  return loaded;
}

function load<T>(path: string | undefined, everyMs: number | undefined): Loaded<T> & { close: () => void } {
  const state = signal<Resource<T>>({});
  let timer: ReturnType<typeof setTimeout> | undefined;
  let reading = new AbortController();
  const read = async (): Promise<void> => {
    if (path === undefined) return;
    clearTimeout(timer);
    reading.abort();
    reading = new AbortController();
    const { signal: aborted } = reading;
    try {
      state.value = { data: await get<T>(path, { signal: aborted }) };
      setFailing(path, undefined);
      if (everyMs !== undefined) timer = setTimeout(reload, everyMs);
    } catch (error) {
      if (aborted.aborted) return;
      const problem = problemOf(error);
      state.value = { ...state.value, problem };
      if (!problem.isOutage) return setFailing(path, undefined);
      setFailing(path, problem);
      timer = setTimeout(reload, TRY_AGAIN_MS);
    }
  };
  const reload = () => void read();
  const close = (): void => {
    clearTimeout(timer);
    reading.abort();
    if (path !== undefined) setFailing(path, undefined);
  };
  return { state, reload, close };
}
