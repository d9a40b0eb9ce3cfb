import type { Refusal } from '../log/entity.js';
import type { EventDraft } from './events.js';

export type { Refusal } from '../log/entity.js';

export type Decision = { readonly events: readonly EventDraft[] } | { readonly refusal: Refusal };

export function refuse(
  kind: Refusal['kind'],
  code: string,
  message: string,
  pointer?: string,
): { refusal: Refusal } {
  return { refusal: { kind, code, message, ...(pointer === undefined ? {} : { pointer }) } };
}
