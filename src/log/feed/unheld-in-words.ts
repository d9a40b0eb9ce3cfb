import type { UnheldTask } from './leases.js';

/**
 * Describes the tasks whose lease no process holds; undefined if there are none.
 *
 * @param role the role of the processes that do such tasks
 */
export function unheldInWords(tasks: readonly UnheldTask[], role: string): string | undefined {
  if (tasks.length === 0) return undefined;
  const each = tasks.map(({ task, since }) =>
    since === undefined
      ? `${task} was never done`
      : `${task} is done by no process since ${since.toISOString()}`,
  );
  return `${each.join('; ')}: a process of the role ${role} takes it within seconds`;
}
