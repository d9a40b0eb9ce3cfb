/** An event before it has a place in the log. */
export interface Draft {
  readonly type: string;
  readonly data: object;
}

/** Why and by whom: the same for all events of one decision. */
export interface Cause {
  /** ISO-8601 UTC, the workflow's clock */
  readonly occurredAt: string;
  /**
   * who issued the command, and its key; for an outcome or a deadline, the same as `causationId`
   */
  readonly commandId: string;
  /** the same for all that one request led to */
  readonly correlationId: string;
  /**
   * the message that was decided on: `<commandId>.<hash of its body>`, the key of an effect, or a
   * deadline's name
   */
  readonly causationId: string;
  readonly actor: string;
}

export interface Envelope extends Cause {
  /** the entity's id; the name is persisted */
  readonly orderId: string;
  /** 1, 2, 3 … without gaps within the entity */
  readonly version: number;
  readonly schemaVersion: number;
}

/**
 * An event as it was once written, the same in the workflow history and in the journal: of today's
 * version or an older one. It is passed on and recorded as it stands; `Entity.upcast` gives it the
 * shape of today.
 */
export interface StoredEvent extends Envelope {
  readonly type: string;
  readonly data: object;
}

/** Event types that any entity's log may have: a command or a fact that changed nothing yet. */
export const COMMAND_REJECTED = 'CommandRejected';
export const FACT_RECEIVED = 'FactReceived';
