import { randomUUID } from 'node:crypto';
import { addKey } from '../../../src/access/api-keys.js';
import { createAuthenticate } from '../../../src/access/authenticate.js';
import { createKnownKeys } from '../../../src/access/known-keys.js';
import { keyStoreOf } from '../../../src/sealing/key-store/key-store-of.js';
import { hashOf } from '../../../src/log/gateway/derived-ids.js';
import { sealed } from '../../../src/api/commands/gateway/sealed-commands.js';
import { emptyDatabase } from '../data/empty-database.js';
import type { Measurement } from '../harness/bench.js';
import { block, duration, interleave } from '../harness/interleave.js';
import { single } from '../harness/result.js';

const CUSTOMERS = 100;

/**
 * Measures what sealing adds to an accepted order: the check of the client's key, the search for
 * the customer's key, the sealing of each personal text, and the hash of the longer body. The
 * baseline is the hash of the body in plain text. `seal` is for customers whose keys the process
 * knows, `seal.new` for new customers, for whom the store is asked.
 */
export const seal: Measurement = {
  name: 'seal',
  async run(bench) {
    const db = await emptyDatabase(bench, 'seal');
    const keyStore = keyStoreOf(db);
    keyStore.keepSpares();
    const { key: clientKey } = await addKey(db, { client: 'bench', scopes: ['orders:write'] });
    const authenticate = createAuthenticate(createKnownKeys(db));
    const orders = bench.pick(2_000, 200);
    const of = (customer: () => string) =>
      interleave(
        {
          product: () =>
            block(orders, 1, async () => {
              await authenticate(`Bearer ${clientKey}`);
              const plain = { orderId: randomUUID(), type: 'CreateOrder', data: bodyOf(customer()) } as const;
              const key = await keyStore.sealingKey(plain.data.customer.id);
              hashOf(sealed(plain, key));
            }),
          baseline: () => block(orders, 1, async () => void hashOf(bodyOf(customer()))),
        },
        bench.pick(4, 1),
        bench.note,
      );
    let next = 0;
    const known = await of(() => `c-${(next += 1) % CUSTOMERS}`);
    const fresh = await of(randomUUID);
    const added = known.product.percentile(0.5) - known.baseline.percentile(0.5);
    return [
      duration('seal', known),
      single('seal.added', added, 'ms', { goal: { of: 'value', is: '≤', limit: 0.3 } }),
      duration('seal.new', fresh),
    ];
  },
};

/** An order with every personal member. */
function bodyOf(customerId: string) {
  return {
    customer: { id: customerId, name: 'Ada Example', email: 'ada@example.com' },
    currency: 'EUR',
    lines: [{ sku: 'A-1', quantity: 2, unitPrice: 1999 }],
    shippingAddress: {
      name: 'Ada Example',
      street: '1 Main Street',
      city: 'Berlin',
      postalCode: '10115',
      region: 'Berlin',
      country: 'DE',
    },
    payment: { method: 'tok_ok' },
    note: 'ring twice',
  };
}
