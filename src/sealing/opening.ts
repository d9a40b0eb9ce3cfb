import { FORGOTTEN } from '../order/forget.js';
import { fieldOf, type Path } from './fields.js';
import type { FoundKey, KeyStore } from './key-store/key-store.js';
import { openCached } from './opened-texts.js';
import { keyIdIn, mayBeSealed, open } from './seal.js';

/** Whether the personal data in an answer is in plain text. */
export type Shown =
  /** all of it is in plain text, or there is none */
  | 'open'
  /** at least one text is still sealed, because it could not be opened */
  | 'sealed';

export interface Opened<T> {
  readonly value: T;
  readonly personalData: Shown;
}

/**
 * For an object without an `orderId`: the member with the id of the order to which its texts
 * belong. JSON leaves this member out.
 */
export const SEALED_IN: unique symbol = Symbol('the order that the texts are sealed in');

export interface SealedInOrder {
  readonly [SEALED_IN]: string;
}

/**
 * Opens every sealed text in plain data. A text whose key was destroyed becomes `FORGOTTEN`. A text
 * that cannot be opened stays as it is, for example because the key store is unavailable or lacks
 * the key, or because the text was moved here from another place.
 *
 * The order that a text belongs to is named by the nearest `orderId` or `SEALED_IN` around it.
 */
export async function openAll<T>(keyStore: Pick<KeyStore, 'openingKeys'>, value: T): Promise<Opened<T>> {
  const ids = new Set<string>();
  collect(value, ids);
  if (ids.size === 0) return { value, personalData: 'open' };
  const found = await keyStore.openingKeys(ids);
  let personalData: Shown = 'open';
  const show = (text: string, at: Location): string => {
    const shown = openText(found, text, at);
    if (shown === undefined) personalData = 'sealed';
    return shown ?? text;
  };
  // Only texts are replaced, so the type stays.
  const shown = withTextsReplaced(value, { orderId: '', owner: '', name: '' }, show) as T;
  return { value: shown, personalData };
}

/** `openAll` for a text of JSON. */
export async function openJson(keyStore: KeyStore, json: string): Promise<Opened<string>> {
  if (!hasSealed(json)) return { value: json, personalData: 'open' };
  const { value, personalData } = await openAll<unknown>(keyStore, JSON.parse(json));
  return { value: JSON.stringify(value), personalData };
}

/** Whether a text of JSON may contain a sealed value. */
export function hasSealed(json: string): boolean {
  return json.includes('"sealed:');
}

/**
 * Opens one text of an order. A text that is not sealed is returned as it is.
 *
 * @returns undefined if its key was destroyed
 * @throws Error if the store lacks the key, or the text was moved; otherwise as
 *   `KeyStore.openingKey`
 */
export async function openOne(
  keyStore: Pick<KeyStore, 'openingKey'>,
  { orderId, customerId, path }: { orderId: string; customerId?: string; path: Path },
  text: string,
): Promise<string | undefined> {
  const keyId = keyIdIn(text);
  if (keyId === undefined) return text;
  const key = await keyStore.openingKey(keyId, customerId);
  if (key === 'destroyed') return undefined;
  if (key === 'unknown') {
    const remedy = 'Restore its backup, or give the key up: `npx orders keys give-up`.';
    throw new Error(`The key store has no key ${keyId}, which order ${orderId} names. ${remedy}`);
  }
  return open(key, { orderId, field: fieldOf(path) }, text);
}

type Found = ReadonlyMap<string, FoundKey>;

function openText(found: Found, text: string, { orderId, owner, name }: Location): string | undefined {
  const keyId = keyIdIn(text);
  if (keyId === undefined) return text;
  const key = found.get(keyId);
  if (key === 'destroyed') return FORGOTTEN;
  if (key === undefined || key === 'unknown') return undefined;
  try {
    return openCached(key, { orderId, field: fieldOf([owner, name]) }, text);
  } catch {
    return undefined;
  }
}

function collect(value: unknown, ids: Set<string>): void {
  if (typeof value === 'string') {
    const id = keyIdIn(value);
    if (id !== undefined) ids.add(id);
  } else if (typeof value === 'object' && value !== null) {
    for (const inner of Object.values(value)) collect(inner, ids);
  }
}

/** Where a value is: its order, its name, and the name of the object that contains it. */
interface Location {
  readonly orderId: string;
  readonly owner: string;
  readonly name: string;
}

/**
 * The value, with its sealed texts replaced by `show`. An object without a sealed text is not
 * copied, because most objects on a page have none.
 */
function withTextsReplaced(
  value: unknown,
  location: Location,
  show: (text: string, at: Location) => string,
): unknown {
  if (typeof value === 'string') return mayBeSealed(value) ? show(value, location) : value;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    const shown = value.map((entry) => withTextsReplaced(entry, location, show));
    return shown.some((entry, index) => entry !== value[index]) ? shown : value;
  }
  const orderId = orderIdIn(value) ?? location.orderId;
  const changed = changedPathIn(value);
  let copy: Record<string, unknown> | undefined;
  for (const [name, inner] of Object.entries(value)) {
    if (typeof inner === 'string' ? !mayBeSealed(inner) : typeof inner !== 'object') continue;
    const [owner, member] =
      changed !== undefined && sidesOfAChange.has(name) ? changed : [location.name, name];
    const shown = withTextsReplaced(inner, { orderId, owner, name: member }, show);
    if (shown === inner) continue;
    copy ??= { ...value };
    copy[name] = shown;
  }
  return copy ?? value;
}

function orderIdIn(value: object): string | undefined {
  if ('orderId' in value && typeof value.orderId === 'string') return value.orderId;
  if (SEALED_IN in value && typeof value[SEALED_IN] === 'string') return value[SEALED_IN];
  return undefined;
}

const sidesOfAChange = new Set(['before', 'after']);

/**
 * For a change of a member (`StateDifference`): the name of the object that has the member, and the
 * member's name. Undefined for anything else.
 */
function changedPathIn(value: object): readonly [owner: string, name: string] | undefined {
  if (!('path' in value) || typeof value.path !== 'string') return undefined;
  const [owner = '', name = ''] = `/${value.path}`.split('/').slice(-2);
  return [owner, name];
}
