import { useLocation } from 'preact-iso';
import { withQuery } from '../api.js';
import { Bar } from '../parts/bar.js';
import { Empty, Shown, Together } from '../parts/states.js';
import { Ago } from '../parts/time.js';
import { useTitle } from '../parts/title.js';
import { type Loaded, type Resource, useResource } from '../resource.js';
import type { Movement, Page, Stock } from '../shapes.js';

const LOOK_EVERY_MS = 5_000;

/** The stock of each SKU, on hand and reserved, with its movements. */
export function StockPage() {
  useTitle('Stock');
  const { query } = useLocation();
  const { sku, cursor } = query;
  const found = useResource<Page<Stock>>(withQuery('/v1/stock', { cursor, limit: 100 }), LOOK_EVERY_MS);
  const moved = useMovements(sku);
  return (
    <section class="reading wide">
      <h1>Stock</h1>
      <Together of={sku === undefined ? [found.state.value] : [found.state.value, moved.state.value]}>
        {() => (
          <div class="beside">
            <Shown of={found.state.value}>
              {({ data, nextCursor }) =>
                data.length === 0 ? (
                  <Empty title="No stock has moved yet">
                    <p>A SKU is listed here once it was reserved, or counted.</p>
                  </Empty>
                ) : (
                  <div>
                    <StockTable rows={data} chosen={sku} />
                    {nextCursor !== undefined && (
                      <p>
                        <a href={withQuery('/stock', { cursor: nextCursor })}>Next page</a>
                      </p>
                    )}
                  </div>
                )
              }
            </Shown>
            {sku !== undefined && <Movements sku={sku} found={moved.state.value} />}
          </div>
        )}
      </Together>
    </section>
  );
}

function StockTable({
  rows,
  chosen,
}: {
  readonly rows: readonly Stock[];
  readonly chosen: string | undefined;
}) {
  return (
    <table class="plain">
      <thead>
        <tr>
          <th>SKU</th>
          <th class="number">On hand</th>
          <th class="number">Reserved</th>
          <th class="number">Free</th>
          <th class="wide-only">Reserved of what is on hand</th>
          <th class="wide-only">Changed</th>
        </tr>
      </thead>
      <tbody>
        {rows.map(({ sku, onHand, reserved, updatedAt, toBeCounted }) => (
          <tr key={sku} class={sku === chosen ? 'chosen' : ''}>
            <td>
              <a href={withQuery('/stock', { sku })}>{sku}</a>
              {toBeCounted && <span class="status warn">to be counted</span>}
            </td>
            <td class="number">{onHand.toLocaleString('en')}</td>
            <td class="number">{reserved.toLocaleString('en')}</td>
            <td class="number">{(onHand - reserved).toLocaleString('en')}</td>
            <td class="wide-only">
              <Bar part={reserved} whole={onHand} tone="busy" />
            </td>
            <td class="wide-only">{updatedAt !== undefined && <Ago at={updatedAt} />}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** @param sku absent: nothing is read */
function useMovements(sku: string | undefined): Loaded<Page<Movement>> {
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
function Movements({ sku, found }: MovementsProps) {
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
