import { useSignal } from '@preact/signals';
import { useLocation } from 'preact-iso';
import { post, Problem } from '../api.js';
import { Empty } from '../parts/states.js';

const sample = {
  customer: { id: 'c-1', name: 'Ada Example' },
  currency: 'EUR',
  lines: [{ sku: 'A-1', quantity: 2, unitPrice: 1999, name: 'Mug' }],
  payment: { method: 'tok_ok' },
};

/** What a newcomer sees: what this is, and a first order to watch. */
export function FirstOrder({ onPlaced }: { readonly onPlaced: () => void }) {
  const { route } = useLocation();
  const problem = useSignal('');
  const place = async (): Promise<void> => {
    try {
      const { body } = await post<{ readonly orderId: string }>('/v1/orders', sample);
      onPlaced();
      route(`/orders/${encodeURIComponent(body.orderId)}`);
    } catch (error) {
      problem.value = error instanceof Problem ? error.message : String(error);
    }
  };
  return (
    <Empty title="No orders yet">
      <p>
        Each order is one durable workflow, and its events are its history. Place one and watch it reserve
        stock, authorize the payment and confirm; then travel back through what happened.
      </p>
      <p>
        <button type="button" class="primary" onClick={() => void place()}>
          Place a sample order
        </button>
      </p>
      <p>
        or in a terminal: <code>npx orders demo</code>
      </p>
      <p class="problem" role="alert">
        {problem}
      </p>
    </Empty>
  );
}
