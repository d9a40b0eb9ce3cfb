import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useLocation } from 'preact-iso';
import { useEffect, useMemo } from 'preact/hooks';
import { count } from '../../format.js';
import type { OrderCounts } from '../../shapes.js';
import { useStream } from '../../stream.js';
import { Empty, Refused, Skeleton } from '../../parts/states.js';
import { useTitle } from '../../parts/title.js';
import { useResource } from '../../resource.js';
import { FilterBar } from './filter-bar.js';
import { type Filters, filtersOf } from './filters.js';
import { NewOrder, PlaceOrder } from './place-order.js';
import { listRows, type RowList } from './rows.js';
import { OrderTable } from './table.js';

const COUNT_EVERY_MS = 5_000;

/** All orders: the filters, which are in the address, and the list, which follows new events. */
export function OrdersPage() {
  useTitle('Orders');
  const { url, query } = useLocation();
  const filters = useMemo(() => filtersOf(query), [url]);
  const list = useMemo(() => listRows(filters), [filters]);
  useEffect(() => {
    list.more();
    return list.close;
  }, [list]);
  useStream(
    '/v1/events/stream',
    (event) => list.orderChanged(event.orderId, event.type === 'OrderCreated'),
    list.restart,
  );
  const counted = useResource<OrderCounts>('/v1/order-counts', COUNT_EVERY_MS);
  const isFiltered = Object.keys(filters).some((name) => name !== 'sort');
  const { value: found } = list.state;
  const isEmpty = found?.isComplete === true && found.rows.length === 0;
  const { data, problem } = counted.state.value;
  const counts =
    data === undefined && problem === undefined
      ? undefined
      : new Map(data?.data.map(({ status, count: many }) => [status, many]));
  return (
    <section class="orders">
      <h1 class="hidden">Orders</h1>
      {(isFiltered || !isEmpty) && <FilterBar filters={filters} counts={counts} />}
      <List list={list} filters={filters} isFiltered={isFiltered} />
    </section>
  );
}

interface ListProps {
  readonly list: RowList;
  readonly filters: Filters;
  readonly isFiltered: boolean;
}

function List({ list, filters, isFiltered }: ListProps) {
  const isPlacing = useSignal(false);
  const found = list.state.value;
  if (found === undefined) return <Skeleton lines={14} />;
  const { rows, isComplete, problem, created } = found;
  if (rows.length === 0 && problem !== undefined) return <Refused problem={problem} />;
  if (rows.length === 0 && isComplete) {
    return isFiltered ? (
      <Empty title="No order matches">
        <p>
          <a href="/orders">All orders</a>
        </p>
      </Empty>
    ) : (
      <FirstOrder>{created > 0 && <Created many={created} show={list.restart} />}</FirstOrder>
    );
  }
  return (
    <>
      <div class="list-head">
        <p class="list-news" aria-live="polite">
          {created > 0 ? (
            <Created many={created} show={list.restart} />
          ) : (
            <span class="quiet">
              {isComplete
                ? count(rows.length, 'order')
                : `${rows.length.toLocaleString('en')} read, more below`}
            </span>
          )}
        </p>
        <NewOrder isOpen={isPlacing} />
      </div>
      {isPlacing.value && <PlaceOrder />}
      <OrderTable filters={filters} rows={rows} isComplete={isComplete} more={list.more} />
    </>
  );
}

/** A button that shows the new orders. They do not appear by themselves, so no row moves. */
function Created({ many, show }: { readonly many: number; readonly show: () => void }) {
  return (
    <button type="button" class="link" onClick={show}>
      {count(many, 'new order')}: show
    </button>
  );
}

/** For a newcomer: what the page shows, and how to place a first order. */
function FirstOrder({ children }: { readonly children: ComponentChildren }) {
  return (
    <section class="first-order">
      <h2>No orders yet</h2>
      <p>
        Each order is one durable workflow, and its events are its history. Place one and watch it reserve
        stock, authorize the payment and confirm. Then travel back through what happened, and see what comes
        next.
      </p>
      <PlaceOrder />
      <p>
        Or see a whole story in a terminal, with a worker killed and a database stopped in the middle:{' '}
        <code>npx orders demo</code>
      </p>
      <p aria-live="polite">{children}</p>
    </section>
  );
}
