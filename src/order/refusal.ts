import type { EventDraft } from './events.js';

/** Why a command changes nothing. */
export interface Refusal {
  /** `invalid`: no state would allow it; `not_found`: it names a part the order lacks; `not_allowed`: not in this state */
  readonly kind: 'invalid' | 'not_found' | 'not_allowed';
  readonly code: string;
  /** one sentence for a person: what is wrong and what would be right */
  readonly message: string;
  /** JSON pointer into the command's data */
  readonly pointer?: string;
}

export type Decision = { readonly events: readonly EventDraft[] } | { readonly refusal: Refusal };

export function refuse(
  kind: Refusal['kind'],
  code: string,
  message: string,
  pointer?: string,
): { refusal: Refusal } {
  return { refusal: { kind, code, message, ...(pointer === undefined ? {} : { pointer }) } };
}
