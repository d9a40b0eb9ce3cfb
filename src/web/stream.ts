import { signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';

/** What the page reads of an event that a stream sends. */
export interface News {
  readonly orderId: string;
  readonly version: number;
  readonly type: string;
}

/** Whether the stream of the page is open; undefined if it has none. */
export const isLive = signal<boolean | undefined>(undefined);

/**
 * Follows a stream while the component is there. The browser opens it again after an outage, and
 * goes on after the last event.
 */
export function useStream(path: string | undefined, onEvent: (event: News) => void): void {
  const latest = useRef(onEvent);
  latest.current = onEvent;
  useEffect(() => {
    if (path === undefined) return undefined;
    const source = new EventSource(path);
    isLive.value = false;
    source.addEventListener('open', () => (isLive.value = true));
    source.addEventListener('error', () => (isLive.value = false));
    source.addEventListener('message', ({ data }) => latest.current(JSON.parse(String(data)) as News));
    return () => {
      source.close();
      isLive.value = undefined;
    };
  }, [path]);
}
