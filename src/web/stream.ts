import { signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { RecordedEvent } from './shapes.js';

/** What the page reads of an event that a stream sends. */
export type StreamedEvent = Pick<RecordedEvent, 'orderId' | 'version' | 'type'>;

const OPEN_AGAIN_MS = 5_000;

/** Whether the stream of the page is open; undefined if the page has none. */
export const isLive = signal<boolean | undefined>(undefined);

/**
 * Follows a stream while the component is mounted. If the connection breaks, the browser continues
 * after the last event. If the API refuses the stream, the stream is opened again: after the event
 * that `path` names, or from now on if it names none. `onGap` is called then, because events may be
 * missing.
 */
export function useStream(
  path: string | undefined,
  onEvent: (event: StreamedEvent) => void,
  onGap: () => void = () => undefined,
): void {
  const latest = useRef({ onEvent, onGap });
  latest.current = { onEvent, onGap };
  useEffect(() => {
    if (path === undefined) return undefined;
    let source: EventSource;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const open = (isAgain: boolean): void => {
      source = new EventSource(path);
      source.addEventListener('open', () => {
        isLive.value = true;
        if (isAgain) latest.current.onGap();
      });
      source.addEventListener('error', () => {
        isLive.value = false;
        // The browser does not try again after an answer that is not a stream, such as 503.
        if (source.readyState === EventSource.CLOSED) timer = setTimeout(open, OPEN_AGAIN_MS, true);
      });
      source.addEventListener('message', ({ data }) =>
        latest.current.onEvent(JSON.parse(String(data)) as StreamedEvent),
      );
    };
    isLive.value = false;
    open(false);
    return () => {
      clearTimeout(timer);
      source.close();
      isLive.value = undefined;
    };
  }, [path]);
}
