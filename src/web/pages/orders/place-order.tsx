import { type Signal, useSignal } from '@preact/signals';
import { useLocation } from 'preact-iso';
import { useRef } from 'preact/hooks';
import { useAction } from '../../action.js';
import { post } from '../../api.js';
import { parseAmount } from '../../format.js';
import { newKey } from '../../idempotency-key.js';
import { curlOf, quoted } from '../order/terminal-lines.js';
import { Copyable } from '../../parts/copyable.js';
import { may } from '../../session.js';

/** Payment methods of the sandbox, each with the outcome that it leads to. */
const paymentMethods = [
  ['tok_ok', 'is authorized'],
  ['tok_slow', 'is authorized after 2 s'],
  ['tok_flaky', 'fails three times first'],
  ['tok_pending', 'waits for the provider'],
  ['tok_declined', 'is declined'],
  ['tok_capture_declined', 'is declined when goods are shipped'],
] as const;

interface OrderDraft {
  readonly sku: string;
  readonly quantity: string;
  readonly price: string;
  readonly method: string;
}

/** A form that places an order paid by the sandbox's provider, and then opens the order's page. */
export function PlaceOrder() {
  const { route } = useLocation();
  const typed = useSignal<OrderDraft>({ sku: 'A-1', quantity: '2', price: '19.99', method: 'tok_ok' });
  const { isBusy, problem, run } = useAction();
  /** the same key for each attempt, so that the order is placed once */
  const key = useRef(newKey());
  if (!may('orders:write')) return null;
  const body = bodyOf(typed.value);
  const onType = (part: Partial<OrderDraft>): void => {
    typed.value = { ...typed.value, ...part };
    problem.value = '';
    key.current = newKey();
  };
  const place = async (): Promise<void> => {
    if (typeof body === 'string') {
      problem.value = body;
      return;
    }
    await run(async () => {
      const placed = await post<{ readonly orderId: string }>('/v1/orders', body, {
        'idempotency-key': key.current,
      });
      route(`/orders/${encodeURIComponent(placed.body.orderId)}`);
    });
  };
  return (
    <form
      class="panel place"
      aria-label="A new order"
      onSubmit={(event) => {
        event.preventDefault();
        void place();
      }}
    >
      <Inputs typed={typed.value} onType={onType} />
      <button type="submit" class="primary" disabled={isBusy.value}>
        Place order
      </button>
      <p class="hint quiet" id="place-hint">
        Stock and payments are a sandbox: a SKU that begins with OUT- is out of stock, and the payment goes as
        you choose.
      </p>
      <p class="problem" role="alert">
        {problem}
      </p>
      {typeof body !== 'string' && (
        <div class="typed-lines">
          <Copyable text={curlOf(`${location.origin}/v1/orders`, body)} />
          <Copyable text={scriptOf(body)} />
        </div>
      )}
    </form>
  );
}

interface InputsProps {
  readonly typed: OrderDraft;
  readonly onType: (part: Partial<OrderDraft>) => void;
}

function Inputs({ typed, onType }: InputsProps) {
  return (
    <>
      <label class="field">
        <span>SKU</span>
        <input
          required
          aria-describedby="place-hint"
          value={typed.sku}
          onInput={({ currentTarget }) => onType({ sku: currentTarget.value })}
        />
      </label>
      <label class="field">
        <span>Units</span>
        <input
          type="number"
          min={1}
          step={1}
          required
          value={typed.quantity}
          onInput={({ currentTarget }) => onType({ quantity: currentTarget.value })}
        />
      </label>
      <label class="field">
        <span>Price in EUR</span>
        <input
          inputMode="decimal"
          required
          value={typed.price}
          onInput={({ currentTarget }) => onType({ price: currentTarget.value })}
        />
      </label>
      <label class="field payment">
        <span>The payment …</span>
        <select
          value={typed.method}
          onChange={({ currentTarget }) => onType({ method: currentTarget.value })}
        >
          {paymentMethods.map(([token, outcome]) => (
            <option key={token} value={token}>
              {outcome}
            </option>
          ))}
        </select>
      </label>
    </>
  );
}

/** The button that shows and hides the form above the list. */
export function NewOrder({ isOpen }: { readonly isOpen: Signal<boolean> }) {
  if (!may('orders:write')) return null;
  return (
    <button
      type="button"
      class="small"
      aria-expanded={isOpen.value}
      onClick={() => (isOpen.value = !isOpen.value)}
    >
      New order
    </button>
  );
}

interface Body {
  readonly customer: { readonly id: string; readonly name: string };
  readonly currency: string;
  readonly lines: readonly [{ readonly sku: string; readonly quantity: number; readonly unitPrice: number }];
  readonly payment: { readonly method: string };
}

/** The body of the request, or a text that says which input cannot be used. */
function bodyOf({ sku, quantity, price, method }: OrderDraft): Body | string {
  const currency = 'EUR';
  const unitPrice = parseAmount(price, currency);
  if (unitPrice === undefined) return 'Enter a price, such as 19.99.';
  return {
    customer: { id: 'c-1', name: 'Ada Example' },
    currency,
    lines: [{ sku: sku.trim(), quantity: Number(quantity), unitPrice }],
    payment: { method },
  };
}

function scriptOf({ lines: [{ sku, quantity, unitPrice }], payment: { method } }: Body): string {
  return `npx orders create --line ${quoted(`${sku}:${quantity}:${unitPrice}`)} --payment ${method}`;
}
