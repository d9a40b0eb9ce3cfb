import { noCarriersCode } from '../carriers/no-carriers.js';
import { receiverForgotten } from '../carriers/plain-receivers.js';
import { methodForgotten } from '../payments/plain-methods.js';
import type { SettledEffect } from './settled-effects.js';

const ownCodes: readonly string[] = [methodForgotten.code, receiverForgotten.code, noCarriersCode];

/**
 * Whether the system itself refused the effect. No provider needs to know the key of such an
 * effect.
 */
export function isOwnRefusal(event: SettledEffect['event']): boolean {
  const isRefusal = event.type === 'PaymentDeclined' || event.type === 'LabelRefused';
  return isRefusal && ownCodes.includes(event.data.code);
}
