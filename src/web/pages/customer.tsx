import { useRoute } from 'preact-iso';
import { withQuery } from '../api.js';
import { dayAndTime, money, person, words } from '../format.js';
import { Figures } from '../parts/figures.js';
import { Shown, Together } from '../parts/states.js';
import { Status } from '../parts/status.js';
import { Ago } from '../parts/time.js';
import { useTitle } from '../parts/title.js';
import { useResource } from '../resource.js';
import type { CustomerSummary, OrderNow, Page } from '../shapes.js';

const LOOK_EVERY_MS = 10_000;

/** A customer: figures about its orders, and the latest of them. */
export function CustomerPage() {
  const { customerId = '' } = useRoute().params;
  useTitle(`Customer ${customerId}`);
  const customer = useResource<CustomerSummary>(
    `/v1/customers/${encodeURIComponent(customerId)}`,
    LOOK_EVERY_MS,
  );
  const orders = useResource<Page<OrderNow>>(
    withQuery('/v1/orders', { customerId, limit: 50 }),
    LOOK_EVERY_MS,
  );
  return (
    <section class="reading">
      {customer.state.value.data === undefined && <h1 class="hidden">Customer {customerId}</h1>}
      <Together of={[customer.state.value, orders.state.value]}>
        {() => (
          <>
            <Shown of={customer.state.value} lines={3}>
              {(found) => (
                <>
                  <h1>
                    {person(found.name)} <span class="quiet">{customerId}</span>
                  </h1>
                  <Figures
                    of={[
                      ['Orders', found.orders.toLocaleString('en')],
                      ['Open', found.openOrders.toLocaleString('en')],
                      ...Object.entries(found.lifetimeValue).map(
                        ([currency, sum]) => ['Captured less refunded', money(sum, currency)] as const,
                      ),
                      ['First order', dayAndTime(found.firstOrderAt)],
                    ]}
                  />
                </>
              )}
            </Shown>
            <Shown of={orders.state.value}>
              {({ data, nextCursor }) =>
                data.length > 0 && (
                  <>
                    <h2>Orders</h2>
                    <OrderTable orders={data} />
                    {nextCursor !== undefined && (
                      <p>
                        <a href={withQuery('/orders', { customerId })}>All of them</a>
                      </p>
                    )}
                  </>
                )
              }
            </Shown>
          </>
        )}
      </Together>
    </section>
  );
}

function OrderTable({ orders }: { readonly orders: readonly OrderNow[] }) {
  return (
    <table class="plain">
      <thead>
        <tr>
          <th>Order</th>
          <th>Status</th>
          <th class="number">Total</th>
          <th class="wide-only">Payment</th>
          <th>Created</th>
        </tr>
      </thead>
      <tbody>
        {orders.map((order) => (
          <tr key={order.orderId}>
            <td class="id">
              <a href={`/orders/${encodeURIComponent(order.orderId)}`}>{order.orderId}</a>
            </td>
            <td>
              <Status of={order.status} />
            </td>
            <td class="number">{money(order.total, order.currency)}</td>
            <td class="wide-only">{words(order.paymentStatus)}</td>
            <td>
              <Ago at={order.createdAt} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
