/** An event without its envelope, as `decide` returns it. */
export interface Draft {
  readonly type: string;
  readonly data: object;
}

/** Why an event happened and who caused it: the same for all events of one decision. */
export interface Cause {
  /** ISO-8601 UTC, the workflow's clock */
  readonly occurredAt: string;
  /** the issuer and key of the command; for an outcome or a deadline, the same as `causationId` */
  readonly commandId: string;
  /** the same for everything that one request leads to */
  readonly correlationId: string;
  /**
   * Identifies what directly caused the event. For an outcome and for a fact that settles an
   * effect, it is the effect's key. For any other message, it is `<commandId>.<hash of its body>`.
   * For a deadline, it is the deadline's id.
   */
  readonly causationId: string;
  readonly actor: string;
  /** for whom the actor acted; absent if the actor acted for itself */
  readonly onBehalfOf?: string;
  /**
   * 32 hex digits: the id of the sampled trace that the command belongs to (W3C Trace Context);
   * absent if there is none
   */
  readonly traceId?: string;
}

export interface Envelope extends Cause {
  /** the entity's id; the name is persisted */
  readonly orderId: string;
  /** 1, 2, 3 … without gaps within an entity */
  readonly version: number;
  readonly schemaVersion: number;
}

/**
 * An event as it was written, in the current schema version or an older one. It is the same in the
 * workflow history and in the journal. `Entity.upcast` converts it to the current shape.
 */
export interface StoredEvent extends Envelope {
  readonly type: string;
  readonly data: object;
}

/**
 * Event types that have the same name for every kind of entity. `CommandRejected` records a refused
 * command. `FactReceived` records a fact that does not fit yet, if the entity has facts.
 */
export const COMMAND_REJECTED = 'CommandRejected';
export const FACT_RECEIVED = 'FactReceived';

/**
 * A newer version of the code wrote the event, so a process of that version has to handle it.
 * `upcast` or `evolve` of the entity throws it.
 */
export class NewerEvent extends TypeError {
  override readonly name = 'NewerEvent';
}
