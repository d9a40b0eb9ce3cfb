import type { CustomerKey } from '../../../sealing/customer-key.js';
import { keyIdIn } from '../../../sealing/seal.js';
import { hashIn } from '../../../log/workflow/messages.js';
import type { OrderEvent } from '../../../order/events.js';
import { hashOf } from '../../../log/gateway/derived-ids.js';
import type { OrderBody } from './gateway.js';
import { type Plain, sealed } from './sealed-commands.js';
import type { Sealing } from './send-sealed.js';

/** What is known about the command that created an existing order. */
export interface Created {
  /** undefined if it is not known */
  readonly hash?: string | undefined;
  /**
   * the id of the key that seals its personal data; undefined if it is not sealed, or the id is not
   * known
   */
  readonly keyId?: string | undefined;
}

/** What the first event of an order says about its create command. */
export function createdBy(first: OrderEvent): Created {
  const keyId = first.type === 'OrderCreated' ? keyIdIn(first.data.customer.name) : undefined;
  return { hash: hashIn(first), keyId };
}

/** What the description of an order's workflow says about the create command. */
export function startedWith({ memo }: { readonly memo?: Record<string, unknown> | undefined }): Created {
  const text = (value: unknown) => (typeof value === 'string' ? value : undefined);
  return { hash: text(memo?.['hash']), keyId: text(memo?.['keyId']) };
}

/** A create command, to be compared with the one that created an existing order. */
interface AskedCreate {
  readonly plain: Plain<OrderBody>;
  /** the hash of the request after its personal data was sealed under `key` */
  readonly hash: string;
  readonly key: CustomerKey;
}

/**
 * Whether an order that exists was created by the same request, perhaps sealed under another key.
 *
 * @returns undefined if a key cannot be read now
 */
export async function isSameCreate(
  existing: Created,
  { plain, hash, key }: AskedCreate,
  { keyNamed, otherKeysOf }: Pick<Sealing, 'keyNamed' | 'otherKeysOf'>,
): Promise<boolean | undefined> {
  if (existing.hash === hash) return true;
  const { orderId, data } = plain;
  const otherKeys =
    existing.keyId === undefined ? await otherKeysOf(data.customer.id, key) : await keyNamed(existing.keyId);
  if (otherKeys === undefined) return undefined;
  // An early version of this code did not seal personal data: its orders have the hash of the
  // plain body.
  const sameContents = [data, ...otherKeys.map((other) => sealed(plain, other))];
  const hashes = sameContents.map((content) => hashOf({ type: 'CreateOrder', orderId, data: content }));
  return existing.hash !== undefined && hashes.includes(existing.hash);
}
