import { keyIdIn } from '../sealing/seal.js';
import { FORGOTTEN, personalMembers } from '../order/forget.js';
import { AFTER_EVERY_NAME } from '../views/customers.js';

/** The personal values in some data. */
export interface PersonalValues {
  /** number of values by the id of the key that they are sealed under */
  readonly sealed: Map<string, number>;
  /** number of values in plain text */
  plain: number;
}

/** Names of members with personal texts, by the name of the member that contains them. */
const personal: Readonly<Record<string, readonly string[]>> = {
  ...personalMembers,
  // In the view `customers`, each document's `lastOrder` has the customer's name.
  lastOrder: ['name'],
};
/**
 * Names of members with personal texts wherever they are: notes, and the payment method of an
 * effect.
 */
const personalAnywhere: readonly string[] = ['note', ...personalMembers.notes, ...personalMembers.payment];

/**
 * Counts the personal values of an event, a message or a document, and adds the counts to `found`.
 */
export function countPersonalValues(found: PersonalValues, value: unknown, name = '', owner = ''): void {
  if (typeof value === 'string') {
    const keyId = keyIdIn(value);
    // A sealed value in any other member, such as a tag, is a copied text and does not count: its
    // key may be another customer's.
    if (keyId !== undefined && !isPersonal(name, owner)) return;
    if (keyId !== undefined) found.sealed.set(keyId, (found.sealed.get(keyId) ?? 0) + 1);
    else if (!isForgotten(value) && isPersonal(name, owner)) found.plain += 1;
  } else if (Array.isArray(value)) {
    for (const entry of value) countPersonalValues(found, entry, name, owner);
  } else if (typeof value === 'object' && value !== null) {
    for (const [member, inner] of Object.entries(value)) countPersonalValues(found, inner, member, name);
  }
}

/**
 * Whether the text replaces a forgotten value. The view `customers` has its own replacement for
 * names.
 */
function isForgotten(text: string): boolean {
  return text === FORGOTTEN || text === AFTER_EVERY_NAME;
}

function isPersonal(name: string, owner: string): boolean {
  return personalAnywhere.includes(name) || (personal[owner]?.includes(name) ?? false);
}

export function noPersonalValues(): PersonalValues {
  return { sealed: new Map(), plain: 0 };
}
