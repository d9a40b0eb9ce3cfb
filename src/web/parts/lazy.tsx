import type { ComponentType } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { useResource } from '../resource.js';
import { Empty, Skeleton } from './states.js';

/** A page whose code is loaded when it is first opened. */
export function lazyPage(load: () => Promise<ComponentType>): ComponentType {
  let loaded: ComponentType | undefined;
  return function LazyPage() {
    // The state is an object, because a component is a function, and a state's setter calls each
    // function that it is given.
    const [{ Page }, show] = useState({ Page: loaded });
    useEffect(() => {
      if (loaded !== undefined) return undefined;
      let isMounted = true;
      void load()
        .then((Found) => (loaded = Found))
        .catch(() => LoadFailed)
        .then((Found) => isMounted && show({ Page: Found }));
      return () => (isMounted = false);
    }, []);
    return Page === undefined ? <Skeleton lines={14} /> : <Page />;
  };
}

/**
 * Reloads the page when the API answers again, because a browser does not request a failed script
 * twice.
 */
function LoadFailed() {
  const isUp = useResource('/health/live').state.value.data !== undefined;
  useEffect(() => {
    if (isUp && !isReloaded()) location.reload();
  }, [isUp]);
  return (
    <Empty title="This page could not be loaded">
      <p>
        <a href={location.href} target="_self">
          Load it again
        </a>
      </p>
    </Empty>
  );
}

/**
 * Whether the page was reloaded already. If its script is still missing then, the page is not
 * reloaded again.
 */
function isReloaded(): boolean {
  const [entry] = performance.getEntriesByType('navigation');
  return entry instanceof PerformanceNavigationTiming && entry.type === 'reload';
}
