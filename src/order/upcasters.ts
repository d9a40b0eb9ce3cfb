import { NewerEvent } from '../log/entity.js';
import { type EventType, type OrderEvent, type StoredEvent, schemaVersions } from './events.js';

/** Turns the data of one schema version into the data of the next version. */
type Upcaster = (data: Data) => Data;
type Data = Readonly<Record<string, unknown>>;

/** The upcasters, by `type@schemaVersion`: one for every version that is no longer written. */
const upcasters: Readonly<Record<string, Upcaster>> = {
  /** Version 2 has all charges besides the goods in one object. */
  'OrderCreated@1': ({ shippingFee, tax, discount, ...data }) => ({
    ...data,
    charges: { shippingFee, tax, discount },
  }),
  /**
   * Version 3 has the order's rules; older orders are under rules 1. Workers that wrote version 2
   * did not know `rules`, but copied it from a newer gateway's command. So the data may have it
   * already.
   */
  'OrderCreated@2': (data) => ({ rules: 1, ...data }),
};

/**
 * Converts a stored event of any version to the current shape. Fields that a store has added stay
 * as they are.
 *
 * @throws NewerEvent if this code knows no such type, or its version is newer than this code knows;
 *   TypeError if another version is unknown, or its data cannot be converted
 */
export function upcast<E extends StoredEvent>(stored: E): OrderEvent & Omit<E, keyof StoredEvent> {
  const { type } = stored;
  const today = isKnown(type) ? schemaVersions[type] : undefined;
  let { schemaVersion } = stored;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- an object, or a damaged event, on which the fold throws
  let data = stored.data as Data;
  while (schemaVersion !== today) {
    const upcaster = upcasters[`${type}@${schemaVersion}`];
    if (upcaster === undefined) throw unknownEvent(stored);
    data = upcaster(data);
    schemaVersion += 1;
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- events are parsed here; golden events of every version test it
  return { ...stored, schemaVersion, data } as unknown as OrderEvent & Omit<E, keyof StoredEvent>;
}

/** Like `upcast`, but an event that cannot be upcast is returned as it was written. */
export function upcastIfKnown<E extends StoredEvent>(stored: E): E | ReturnType<typeof upcast<E>> {
  try {
    return upcast(stored);
  } catch {
    return stored;
  }
}

/**
 * The error for an event without an upcaster: `NewerEvent` if its type is unknown or its version is
 * newer.
 */
function unknownEvent({ orderId, version, type, schemaVersion }: StoredEvent): TypeError {
  const event = `Event ${version} of order ${orderId}`;
  const message =
    `${event} is ${type}@${schemaVersion}; this version of the code knows ` +
    `${isKnown(type) ? `${type}@${schemaVersions[type]} and older` : `no ${type}`}.`;
  return !isKnown(type) || schemaVersion > schemaVersions[type]
    ? new NewerEvent(message)
    : new TypeError(message);
}

/** Only own properties count, because a stored type may be any string, such as `toString`. */
function isKnown(type: string): type is EventType {
  return Object.hasOwn(schemaVersions, type);
}
