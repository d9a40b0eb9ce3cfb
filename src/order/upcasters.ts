import { type OrderEvent, type StoredEvent, schemaVersions } from './events.js';

/** The data of one version made that of the next. */
type Upcaster = (data: StoredEvent['data']) => StoredEvent['data'];

/** By what each reads, `type@schemaVersion`: every version that is not written any more. */
const upcasters: Readonly<Record<string, Upcaster>> = {
  /** What is charged beside the goods became one thing, which can grow. */
  'OrderCreated@1': ({ shippingFee, tax, discount, ...data }) => ({
    ...data,
    charges: { shippingFee, tax, discount },
  }),
  /** The rules that decide an order became part of it. A worker of version 2 passed on those that it was given and did not know. */
  'OrderCreated@2': (data) => ({ rules: 1, ...data }),
};

/** A newer version of this code wrote the event: to go on would be to guess, and a newer worker will. */
export class NewerEvent extends TypeError {
  override readonly name = 'NewerEvent';
}

/**
 * An event in the shape of today, whenever it was written. What a store has added to it stays as it is.
 *
 * @throws NewerEvent; TypeError where it is no event at all, by its type, its version or its data
 */
export function upcast<E extends StoredEvent>(stored: E): OrderEvent & Omit<E, keyof StoredEvent> {
  const { type } = stored;
  const today = isKnown(type) ? schemaVersions[type] : undefined;
  let { schemaVersion, data } = stored;
  while (schemaVersion !== today) {
    const upcaster = upcasters[`${type}@${schemaVersion}`];
    if (upcaster === undefined) throw unknownEvent(stored);
    data = upcaster(data);
    schemaVersion += 1;
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- where events are parsed: golden events of each version prove it
  return { ...stored, schemaVersion, data } as unknown as OrderEvent & Omit<E, keyof StoredEvent>;
}

/** As `upcast` tells it; where that is not possible, as it was written: its `schemaVersion` says of which version. */
export function upcastIfKnown<E extends StoredEvent>(stored: E): E | ReturnType<typeof upcast<E>> {
  try {
    return upcast(stored);
  } catch {
    return stored;
  }
}

function unknownEvent({ orderId, version, type, schemaVersion }: StoredEvent): TypeError {
  const event = `Event ${version} of order ${orderId}`;
  const message =
    `${event} is ${type}@${schemaVersion}; this version of the code knows ` +
    `${isKnown(type) ? `${type}@${schemaVersions[type]} and older` : `no ${type}`}.`;
  return isKnown(type) && schemaVersion > schemaVersions[type]
    ? new NewerEvent(message)
    : new TypeError(message);
}

/** What was stored may be anything, and every object has a `toString`. */
function isKnown(type: string): boolean {
  return Object.hasOwn(schemaVersions, type);
}
