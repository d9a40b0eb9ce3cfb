import { randomBytes } from 'node:crypto';
import { changedAt, fieldOf, hasText, type Path, personalPathsIn } from '../../../sealing/fields.js';
import type { KeyStore } from '../../../sealing/key-store/key-store.js';
import { openAll } from '../../../sealing/opening.js';
import type { CustomerKey } from '../../../sealing/customer-key.js';
import { seal } from '../../../sealing/seal.js';
import { type CommandType, followUpTypes } from '../../../order/commands.js';
import { bodyParts } from '../body-parts.js';
import { commands } from '../table.js';

/** The paths of the members that are marked as personal in each command's schema. */
const members = new Map<CommandType, readonly Path[]>(
  (['CreateOrder', ...followUpTypes] as const).map((type) => [
    type,
    personalPathsIn(commands[type].body(bodyParts)),
  ]),
);

/** The part of a key store that seals commands. */
export type SealingKeys = Pick<KeyStore, 'sealingKey' | 'keysOf' | 'openingKey'>;

/** The data of a command before its personal data is sealed, and the order that it is for. */
export interface Plain<D> {
  readonly orderId: string;
  readonly type: CommandType;
  readonly data: D;
}

/** Whether a command has a personal text. */
export function hasPersonalData({ type, data }: Omit<Plain<unknown>, 'orderId'>): boolean {
  return hasText(data, membersOf(type));
}

/** The data with every personal text sealed. */
export function sealed<D>({ orderId, type, data }: Plain<D>, key: CustomerKey): D {
  return membersOf(type).reduce((changed, path) => {
    const at = { orderId, field: fieldOf(path) };
    return changedAt(changed, path, (text) => seal(key, at, text));
  }, data);
}

/** The key that seals what a preview sends. It is stored nowhere. */
export const previewKey: CustomerKey = { keyId: 'preview-only', key: randomBytes(32) };

/** Opens what `previewKey` has sealed: the caller's own words. */
export async function withoutPreviewKey<T>(preview: T): Promise<T> {
  const known = new Map([[previewKey.keyId, previewKey.key]]);
  return (await openAll({ openingKeys: async () => known }, preview)).value;
}

function membersOf(type: CommandType): readonly Path[] {
  return members.get(type) ?? [];
}
