import type { ComponentChildren } from 'preact';
import { useRef } from 'preact/hooks';
import type { Problem } from '../api.js';
import type { Resource } from '../resource.js';

/** Grey lines as a placeholder while data is loading. */
export function Skeleton({ lines = 6 }: { readonly lines?: number }) {
  return (
    <div class="skeleton" aria-busy="true" aria-label="Loading">
      {Array.from({ length: lines }, (_, index) => (
        <div key={index} class="line" />
      ))}
    </div>
  );
}

/** The text of a page that has nothing to show. */
export function Empty({
  title,
  children,
}: {
  readonly title: string;
  readonly children?: ComponentChildren;
}) {
  return (
    <div class="empty">
      <h2>{title}</h2>
      {children}
    </div>
  );
}

/** Why there is nothing to show: the API's answer. */
export function Refused({ problem }: { readonly problem: Problem }) {
  const title =
    problem.status === 404
      ? 'Not found'
      : problem.isOutage
        ? 'The data cannot be read now'
        : 'The request was refused';
  return (
    <Empty title={title}>
      <p>{problem.message}</p>
      <p class="quiet">
        {problem.isOutage ? 'The page tries again by itself.' : <code>{problem.code}</code>}
      </p>
    </Empty>
  );
}

/** The data of a resource; a placeholder or the problem while there is none. */
export function Shown<T>({
  of: { data, problem },
  lines,
  children,
}: {
  readonly of: Resource<T>;
  readonly lines?: number;
  readonly children: (data: T) => ComponentChildren;
}) {
  if (data !== undefined) return <>{children(data)}</>;
  if (problem !== undefined) return <Refused problem={problem} />;
  return <Skeleton {...(lines !== undefined && { lines })} />;
}

/**
 * Several resources of one page. They are shown together once each has answered, so that nothing
 * moves on the page.
 */
export function Together({
  of,
  children,
}: {
  readonly of: readonly Resource<unknown>[];
  readonly children: () => ComponentChildren;
}) {
  const isShown = useRef(false);
  isShown.current ||= of.every(({ data, problem }) => data !== undefined || problem !== undefined);
  return isShown.current ? <>{children()}</> : <Skeleton lines={14} />;
}

/** The page for a path that does not exist. */
export function NotFound() {
  return (
    <>
      <h1 class="hidden">Not found</h1>
      <Empty title="There is no such page">
        <p>
          <a href="/orders">All orders</a>
        </p>
      </Empty>
    </>
  );
}
