import type { Cause, Decider, Draft, Envelope, State } from './entity.js';

/** Events as they are in the log, and the state after them. */
export interface Appended<S, D> {
  readonly state: S;
  readonly events: readonly (D & Envelope)[];
}

/**
 * Gives decided events their versions, folds them into the state, and appends the events that
 * follow from the new state (`consequence`). Versions are assigned nowhere else.
 *
 * @param before undefined if these events create the entity
 */
export function append<S extends State, D extends Draft>(
  { evolve, consequence, schemaVersions }: Decider<S, D>,
  id: string,
  before: S | undefined,
  drafts: readonly D[],
  cause: Cause,
): Appended<S, D> {
  const events: (D & Envelope)[] = [];
  const add = (state: S | undefined, draft: D): S => {
    const type: D['type'] = draft.type;
    const version = (state?.version ?? 0) + 1;
    const event = { ...draft, ...cause, orderId: id, version, schemaVersion: schemaVersions[type] ?? 1 };
    events.push(event);
    return evolve(state, event);
  };
  let state = before;
  for (const draft of drafts) state = add(state, draft);
  if (state === undefined) throw new TypeError(`Nothing was decided for ${id}, which does not exist.`);
  for (
    let next = consequence(state, cause.occurredAt);
    next !== undefined;
    next = consequence(state, cause.occurredAt)
  )
    state = add(state, next);
  return { state, events };
}
