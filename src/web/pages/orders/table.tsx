import {
  elementScroll,
  observeElementOffset,
  observeElementRect,
  type VirtualItem,
  Virtualizer,
} from '@tanstack/virtual-core';
import { useEffect, useLayoutEffect, useReducer, useRef, useState } from 'preact/hooks';
import { withQuery } from '../../api.js';
import { count, money, person, words } from '../../format.js';
import { Ago } from '../../parts/time.js';
import { Status } from '../../parts/status.js';
import type { OrderNow } from '../../shapes.js';
import type { Filters } from './filters.js';

const columns = [
  'Order',
  'Status',
  'Customer',
  'Goods',
  'Total',
  'Payment',
  'Fulfilment',
  'Created',
] as const;
/** The columns by which the list can be sorted, each with its field in the API. */
const sortFields: Readonly<Record<string, string>> = { Total: 'total', Created: 'createdAt' };
const defaultSort = '-createdAt';
const OVERSCAN = 8;
/** The next page is requested when fewer rows than this are left below those in the document. */
const ROWS_AHEAD = 40;
const narrow = matchMedia('(max-width: 720px)');
const rowHeight = () => (narrow.matches ? 68 : 37);

interface TableProps {
  readonly filters: Filters;
  readonly rows: readonly OrderNow[];
  readonly isComplete: boolean;
  readonly more: () => void;
}

/** A table of any number of orders. Only the rows in sight are in the document. */
export function OrderTable({ filters, rows, isComplete, more }: TableProps) {
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer(rows.length, () => scroller.current);
  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (!isComplete && last >= rows.length - ROWS_AHEAD) more();
  }, [last, rows.length, isComplete, more]);
  return (
    <div
      class="orders-table"
      role="table"
      aria-label="Orders"
      aria-rowcount={isComplete ? rows.length + 1 : -1}
    >
      <div class="orders-head" role="rowgroup">
        <div class="orders-row" role="row">
          {columns.map((name) => (
            <span key={name} role="columnheader" class={`c-${name.toLowerCase()}`}>
              <Heading name={name} filters={filters} />
            </span>
          ))}
        </div>
      </div>
      <div class="orders-scroller" ref={scroller} role="rowgroup" tabIndex={0} aria-label="Rows">
        <div class="orders-space" style={{ height: `${virtual.getTotalSize()}px` }} role="presentation">
          {items.map((item) => {
            const order = rows[item.index];
            return order && <Row key={item.key} order={order} item={item} />;
          })}
        </div>
      </div>
    </div>
  );
}

/** A column heading. A click on the column by which the list is sorted reverses the sequence. */
function Heading({ name, filters }: { readonly name: string; readonly filters: Filters }) {
  const field = sortFields[name];
  if (field === undefined) return <>{name}</>;
  const { sort = defaultSort } = filters;
  const next = sort === `-${field}` ? field : `-${field}`;
  const mark = sort === field ? ' ↑' : sort === `-${field}` ? ' ↓' : '';
  return <a href={withQuery('/orders', { ...filters, sort: next })}>{`${name}${mark}`}</a>;
}

function Row({ order, item }: { readonly order: OrderNow; readonly item: VirtualItem }) {
  const { orderId, currency } = order;
  return (
    <div
      class="orders-row"
      role="row"
      aria-rowindex={item.index + 2}
      style={{ transform: `translateY(${item.start}px)`, height: `${item.size}px` }}
    >
      <span role="cell" class="c-order">
        <a href={`/orders/${encodeURIComponent(orderId)}`}>{orderId}</a>
      </span>
      <span role="cell" class="c-status">
        <Status of={order.status} />
        {order.held && <span class="status warn">held</span>}
      </span>
      <span role="cell" class="c-customer">
        {person(order.customer.name)}
      </span>
      <span role="cell" class="c-goods" title={goodsOf(order)}>
        {goodsOf(order)}
      </span>
      <span role="cell" class="c-total">
        {money(order.total, currency)}
      </span>
      <span role="cell" class="c-payment">
        {words(order.paymentStatus)}
      </span>
      <span role="cell" class="c-fulfilment">
        {words(order.fulfillmentStatus)}
      </span>
      <span role="cell" class="c-created">
        <Ago at={order.createdAt} />
      </span>
    </div>
  );
}

function goodsOf({ lines }: OrderNow): string {
  const [first, ...others] = lines;
  if (first === undefined) return '';
  const rest = others.length === 0 ? '' : ` and ${count(others.length, 'other line')}`;
  return `${first.quantity} × ${first.name ?? first.sku}${rest}`;
}

function useVirtualizer(many: number, scroller: () => HTMLDivElement | null) {
  const [, draw] = useReducer((times: number) => times + 1, 0);
  const options = {
    count: many,
    getScrollElement: scroller,
    estimateSize: rowHeight,
    overscan: OVERSCAN,
    observeElementRect,
    observeElementOffset,
    scrollToFn: elementScroll,
    onChange: () => draw(undefined),
  };
  const [virtual] = useState(() => new Virtualizer<HTMLDivElement, HTMLDivElement>(options));
  virtual.setOptions(options);
  // oxlint-disable no-underscore-dangle -- what the library's own adapters call
  useLayoutEffect(() => virtual._didMount(), [virtual]);
  useLayoutEffect(() => virtual._willUpdate());
  // oxlint-enable no-underscore-dangle
  useEffect(() => {
    const measure = () => virtual.measure();
    narrow.addEventListener('change', measure);
    return () => narrow.removeEventListener('change', measure);
  }, [virtual]);
  return virtual;
}
