import { Shown } from './parts/states.js';
import { Ago } from './parts/time.js';
import { type Loaded, type Resource, useResource } from './resource.js';
import type { Movement, Page } from './shapes.js';

const LOOK_EVERY_MS = 5_000;

/** @param sku absent: nothing is read */
export function useMovements(sku: string | undefined): Loaded<Page<Movement>> {
  return useResource<Page<Movement>>(
    sku === undefined ? undefined : `/v1/stock/${encodeURIComponent(sku)}/movements?limit=100`,
    LOOK_EVERY_MS,
  );
}

interface MovementsProps {
  readonly sku: string;
  readonly found: Resource<Page<Movement>>;
}

/** The latest movements of a SKU, the last one first. */
export function Movements({ sku, found }: MovementsProps) {
  return (
    <section class="panel">
      <h2>Movements of {sku}</h2>
      <Shown of={found}>
        {({ data }) =>
          data.length === 0 ? (
            <p class="quiet">None yet.</p>
          ) : (
            <table class="plain">
              <thead>
                <tr>
                  <th>When</th>
                  <th>What</th>
                  <th class="number">Units</th>
                  <th>For</th>
                </tr>
              </thead>
              <tbody>
                {data.map(({ id, at, type, quantity, outcome, orderId }) => (
                  <tr key={id} title={id}>
                    <td>
                      <Ago at={at} />
                    </td>
                    <td>
                      {type}
                      {outcome === 'out_of_stock' && <span class="status bad">out of stock</span>}
                    </td>
                    <td class="number">{quantity.toLocaleString('en')}</td>
                    <td class="id">
                      {orderId === undefined ? (
                        'a count'
                      ) : (
                        <a href={`/orders/${encodeURIComponent(orderId)}`}>{orderId}</a>
                      )}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          )
        }
      </Shown>
    </section>
  );
}
