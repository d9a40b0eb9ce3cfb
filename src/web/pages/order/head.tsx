import { money, person } from '../../format.js';
import { Status } from '../../parts/status.js';
import type { Next, OrderNow } from '../../shapes.js';
import { isLive } from '../../stream.js';
import { ProofBadge } from './proof.js';
import type { Step } from './steps.js';
import { WaitingForInShort } from './waiting-for.js';

interface HeadProps {
  readonly order: OrderNow;
  readonly last: Step | undefined;
  readonly next: Next | undefined;
  /** `workflow` or `history` if the view could not answer */
  readonly servedBy: string | undefined;
}

/**
 * What the order is, what it waits for, and whether history, journal and view agree. Its height
 * never changes.
 */
export function OrderHead({ order, last, next, servedBy }: HeadProps) {
  const { orderId, status, held, total, currency, customer } = order;
  return (
    <header class="order-head">
      <div class="what-it-is">
        <h1>
          <span class="quiet">Order</span> {orderId}
        </h1>
        <Status of={status} />
        {held && <span class="status warn">held</span>}
        <b class="total">{money(total, currency)}</b>
        <a href={`/customers/${encodeURIComponent(customer.id)}`}>{person(customer.name)}</a>
        {servedBy !== undefined && <span class="status warn">read from its {servedBy}</span>}
        <span class="live" title={isLive.value === true ? 'New events appear by themselves' : 'Connecting'}>
          <i class={isLive.value === true ? 'on' : ''} />
          {isLive.value === true ? 'live' : 'connecting'}
        </span>
      </div>
      <WaitingForInShort order={order} last={last} next={next} />
      <ProofBadge orderId={orderId} version={order.version} />
    </header>
  );
}
