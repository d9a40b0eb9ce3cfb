import { words } from '../format.js';

/** Whether a status is good news; it determines the colour. */
export type Tone = 'good' | 'bad' | 'warn' | 'busy' | 'plain';

const tones: Readonly<Record<string, Tone>> = {
  pending: 'busy',
  confirmed: 'good',
  completed: 'good',
  rejected: 'bad',
  cancelled: 'plain',
  expired: 'bad',
  authorized: 'busy',
  partially_captured: 'busy',
  captured: 'good',
  partially_refunded: 'warn',
  refunded: 'warn',
  delivered: 'good',
  shipped: 'busy',
  partially_shipped: 'busy',
  partially_delivered: 'busy',
  enabled: 'good',
  disabled: 'warn',
  up: 'good',
  ready: 'good',
  degraded: 'warn',
  down: 'bad',
  unavailable: 'bad',
};

/** A status as a coloured word, which is clear without its colour. */
export function Status({ of }: { readonly of: string }) {
  return <span class={`status ${tones[of] ?? 'plain'}`}>{words(of)}</span>;
}
