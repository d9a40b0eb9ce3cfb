/** The result of `decide`. */
export type Decision<D> = { readonly events: readonly D[] } | Refused;
export type Refused = { readonly refusal: Refusal };

/** Why a command is refused. */
export interface Refusal {
  /**
   * `invalid`: the data is wrong or breaks a rule; `not_found`: the command names a part that does
   * not exist; `not_allowed`: the state of the entity does not allow the command
   */
  readonly kind: 'invalid' | 'not_found' | 'not_allowed';
  readonly code: string;
  /**
   * what is wrong, and what to do instead: a clause in plain words that begins in lower case and
   * has no full stop
   */
  readonly message: string;
  /** JSON pointer into the command's data */
  readonly pointer?: string;
}

export function refuse(kind: Refusal['kind'], code: string, message: string, pointer?: string): Refused {
  return { refusal: { kind, code, message, ...(pointer !== undefined && { pointer }) } };
}
