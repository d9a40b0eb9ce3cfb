import type { Cause, Decider, Draft, Envelope, FittingFact, State } from './entity.js';

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

/**
 * Appends the events of waiting facts that fit, one fact after another, because the events of one
 * fact may make another fact fit.
 */
export function* appendFitting<S extends State, D extends Draft>(
  entity: Decider<S, D>,
  before: S,
  now: string,
): Generator<{ readonly fact: FittingFact<D>['fact']; readonly appended: Appended<S, D> }, void> {
  const fitting = (state: S) => entity.facts?.fitting(state, now);
  let state = before;
  for (let next = fitting(state); next !== undefined; next = fitting(state)) {
    const appended = append(entity, state.orderId, state, next.events, next.cause);
    ({ state } = appended);
    yield { fact: next.fact, appended };
  }
}
