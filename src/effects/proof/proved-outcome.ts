import type { Outcome } from '../../order/effects.js';
import type { Authorization, Capture } from '../payments/sandbox-ledger.js';
import type { SettledEffect } from './settled-effects.js';

/** What a provider answers about a key. */
export interface ProviderAnswer {
  readonly outcome?: Outcome;
  readonly authorization?: Pick<Authorization, 'id' | 'status'>;
  readonly capture?: Pick<Capture, 'id'>;
}

/** Whether an answer agrees with the event by which the log has settled the effect. */
export function isSameOutcome(
  { outcome, authorization, capture }: ProviderAnswer,
  event: SettledEffect['event'],
): boolean {
  switch (event.type) {
    case 'StockReserved':
      return outcome?.type === 'reserved';
    case 'StockRefused':
      return outcome?.type === 'out_of_stock';
    case 'StockReleased':
    case 'StockDeducted':
    case 'StockRestocked':
      return outcome?.type === 'done';
    case 'PaymentAuthorized':
    case 'PaymentPending':
      return authorization?.id === event.data.authorizationId;
    case 'PaymentCaptured':
      return capture?.id === event.data.captureId;
    case 'AuthorizationVoided':
      return outcome?.type === 'voided';
    case 'AuthorizationExpired':
      return outcome?.type === 'expired';
    case 'CaptureDeclined':
      return outcome?.type === 'declined' || outcome?.type === 'expired';
    case 'PaymentRefunded':
      return outcome?.type === 'refunded';
    case 'LabelBooked':
      return (
        outcome?.type === 'booked' &&
        outcome.carrier === event.data.carrier &&
        outcome.trackingNumber === event.data.trackingNumber
      );
    case 'LabelRefused':
      return outcome?.type === 'refused';
    case 'PaymentDeclined':
      // The customer may have declined an authorization that was pending.
      return outcome?.type === 'declined' || authorization?.status === 'declined';
    default:
      // No other event is the outcome of an effect (`order/settle.ts`).
      return false;
  }
}

/** An outcome in the form of the sandbox's ledger. */
export function answeredWith(outcome: Outcome): ProviderAnswer {
  return {
    outcome,
    // `lookUp` still answers `pending` after the webhook has reported that the customer declined.
    // So `PaymentDeclined` must agree with a pending outcome, too.
    ...('authorizationId' in outcome && {
      authorization: {
        id: outcome.authorizationId,
        status: outcome.type === 'pending' ? 'declined' : 'authorized',
      },
    }),
    ...('captureId' in outcome && { capture: { id: outcome.captureId } }),
  };
}
