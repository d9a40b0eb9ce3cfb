/** What a command leads to. */
export type Decision<D> = { readonly events: readonly D[] } | Refused;
export type Refused = { readonly refusal: Refusal };

/** Why a command is refused. */
export interface Refusal {
  /**
   * `invalid`: no state would allow it; `not_found`: it names a part that is not there;
   * `not_allowed`: not in this state
   */
  readonly kind: 'invalid' | 'not_found' | 'not_allowed';
  readonly code: string;
  /** one sentence for a person: what is wrong and what would be right */
  readonly message: string;
  /** JSON pointer into the command's data */
  readonly pointer?: string;
}

export interface Deadline {
  readonly name: string;
  /** ISO-8601 UTC */
  readonly at: string;
}

/** Something that is owed to the world. */
export interface Effect {
  readonly type: string;
  /** the idempotency key outside: `<id>:<type>:<version that made it owed>` */
  readonly key: string;
  /** of the event that made it owed */
  readonly correlationId: string;
}
