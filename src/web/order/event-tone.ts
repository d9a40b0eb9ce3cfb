import type { EventType } from '../../order/events.js';
import type { Tone } from '../parts/status.js';

const tones: Readonly<Partial<Record<EventType, Tone>>> = {
  StockRefused: 'bad',
  PaymentDeclined: 'bad',
  PaymentTimedOut: 'bad',
  OrderRejected: 'bad',
  OrderExpired: 'bad',
  CaptureDeclined: 'bad',
  AmendmentRefused: 'bad',
  LabelRefused: 'bad',
  CommandRejected: 'bad',
  FactUnmatched: 'bad',
  OrderHeld: 'warn',
  OrderCancelled: 'warn',
  AuthorizationExpired: 'warn',
  CaptureWrittenOff: 'warn',
  FactReceived: 'warn',
  OrderConfirmed: 'good',
  OrderCompleted: 'good',
};

export function toneOf({ type }: { readonly type: EventType }): Tone {
  return tones[type] ?? 'plain';
}
