import type { ComponentChildren } from 'preact';
import { labelInShort } from '../../../event-words.js';
import { type Order, quantityOf } from '../../../order/order.js';
import type { OrderView } from '../../../order/view.js';
import { amountOf, dayAndTime, money, person, words } from '../../format.js';
import { Bar } from '../../parts/bar.js';
import { Status, type Tone } from '../../parts/status.js';
import { isChanged, type Step } from './steps.js';

interface VersionProps {
  readonly step: Step;
  /** absent for the first one */
  readonly before: Step | undefined;
}

/** The order after a version; what this version has changed is in colour. */
export function OrderAtVersion({ step, before }: VersionProps) {
  return (
    <div class="order-at-version">
      <Money step={step} before={before} />
      <Goods step={step} before={before} />
      <Lines step={step} before={before} />
      <ShipmentsAndReturns step={step} before={before} />
      <CustomerSection step={step} before={before} />
    </div>
  );
}

/** Content that is in colour if this version changed what `pick` returns. */
function Highlighted({
  of: { step, before },
  pick,
  class: name = '',
  children,
}: {
  readonly of: VersionProps;
  readonly pick: (view: OrderView, state: Order) => unknown;
  readonly class?: string;
  readonly children: ComponentChildren;
}) {
  const isNew = isChanged(step, before, pick);
  return (
    <div class={`${name} ${isNew ? 'changed' : ''}`} {...(isNew && { 'data-changed': true })}>
      {children}
    </div>
  );
}

type Row = readonly [name: string, pick: (view: OrderView, state: Order) => number, tone: Tone];

const moneyRows: readonly Row[] = [
  ['Authorized', ({ authorized }) => authorized, 'busy'],
  ['Captured', ({ captured }) => captured, 'good'],
  ['Refunded', ({ refunded }) => refunded, 'warn'],
];

function Money({ step, before }: VersionProps) {
  const { total, currency, paymentStatus, authorized, captured } = step.view;
  const whole = Math.max(total, authorized, captured);
  return (
    <section class="bars" aria-label="Money">
      <h3>
        Money <Status of={paymentStatus} /> <span class="total">{money(total, currency)}</span>
      </h3>
      {moneyRows.map(([name, pick, tone]) => (
        <Highlighted key={name} of={{ step, before }} pick={pick} class="bar-row">
          <span>{name}</span>
          <Bar part={pick(step.view, step.state)} whole={whole} tone={tone} />
          <span class="number">{amountOf(pick(step.view, step.state), currency)}</span>
        </Highlighted>
      ))}
    </section>
  );
}

const sumOf = (view: OrderView, of: (line: OrderView['lines'][number]) => number) =>
  view.lines.reduce((sum, line) => sum + of(line), 0);

const goodsRows: readonly Row[] = [
  ['Ordered', (view) => sumOf(view, ({ quantity, cancelled }) => quantity - cancelled), 'plain'],
  ['Reserved', (_, { reserved }) => reserved.reduce((sum, { quantity }) => sum + quantity, 0), 'busy'],
  ['Shipped', (view) => sumOf(view, ({ shipped }) => shipped), 'busy'],
  ['Delivered', (view) => sumOf(view, ({ delivered }) => delivered), 'good'],
  ['Returned', (view) => sumOf(view, ({ returned }) => returned), 'warn'],
];

function Goods({ step, before }: VersionProps) {
  const whole = sumOf(step.view, ({ quantity }) => quantity);
  return (
    <section class="bars" aria-label="Goods">
      <h3>
        Goods <Status of={step.view.fulfillmentStatus} />
      </h3>
      {goodsRows.map(([name, pick, tone]) => (
        <Highlighted key={name} of={{ step, before }} pick={pick} class="bar-row">
          <span>{name}</span>
          <Bar part={pick(step.view, step.state)} whole={whole} tone={tone} />
          <span class="number">{pick(step.view, step.state)}</span>
        </Highlighted>
      ))}
    </section>
  );
}

function Lines({ step, before }: VersionProps) {
  const { lines, currency, shippingFee, tax, discount } = step.view;
  const charges = [
    ['Shipping', shippingFee],
    ['Tax', tax],
    ['Discount', -discount],
  ] as const;
  return (
    <section aria-label="Lines">
      <h3>Lines</h3>
      <div class="scrolled" tabIndex={0} role="group" aria-label="Lines of the order">
        <table class="plain">
          <thead>
            <tr>
              <th>SKU</th>
              <th class="number">Price</th>
              <th class="number">Ordered</th>
              <th class="number wide-only">Reserved</th>
              <th class="number">Shipped</th>
              <th class="number">Delivered</th>
              <th class="number">Returned</th>
            </tr>
          </thead>
          <tbody>
            {lines.map((line, index) => {
              const isNew = isChanged(step, before, (view) => view.lines[index]);
              return (
                <tr key={line.sku} class={isNew ? 'changed' : ''}>
                  <td>
                    {line.name ?? line.sku} {line.name !== undefined && <span class="quiet">{line.sku}</span>}
                  </td>
                  <td class="number">{amountOf(line.unitPrice, currency)}</td>
                  <td class="number">
                    {line.quantity}
                    {line.cancelled > 0 && <span class="quiet"> −{line.cancelled}</span>}
                  </td>
                  <td class="number wide-only">{quantityOf(step.state.reserved, line.sku)}</td>
                  <td class="number">{line.shipped}</td>
                  <td class="number">{line.delivered}</td>
                  <td class="number">{line.returned}</td>
                </tr>
              );
            })}
            {charges
              .filter(([, amount]) => amount !== 0)
              .map(([name, amount]) => (
                <tr key={name}>
                  <td class="quiet">{name}</td>
                  <td class="number">{amountOf(amount, currency)}</td>
                  <td colSpan={5} />
                </tr>
              ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

type Shipment = Step['view']['shipments'][number];

function ShipmentsAndReturns({ step, before }: VersionProps) {
  const { shipments, returns, refunds, notes, currency } = step.view;
  const goods = (lines: readonly { readonly sku: string; readonly quantity: number }[]) =>
    lines.map(({ sku, quantity }) => `${quantity} × ${sku}`).join(', ');
  const of = { step, before };
  return (
    <div class="parts">
      {shipments.map((one, index) => (
        <Highlighted key={one.shipmentId} of={of} pick={(view) => view.shipments[index]}>
          <b>Shipment {one.shipmentId}</b> <Status of={one.status} /> {goods(one.lines)}{' '}
          <span class="quiet">
            {one.carrier} {one.trackingNumber}
            {one.amount !== undefined && ` ${money(one.amount, currency)} ${words(one.charge ?? '')}`}
          </span>
          <Label of={one} />
        </Highlighted>
      ))}
      {returns.map((one, index) => (
        <Highlighted key={one.returnId} of={of} pick={(view) => view.returns[index]}>
          <b>Return {one.returnId}</b> <Status of={one.status} /> {goods(one.lines)}{' '}
          <span class="quiet">{one.reason}</span>
        </Highlighted>
      ))}
      {refunds.map((one, index) => (
        <Highlighted key={one.refundId} of={of} pick={(view) => view.refunds[index]}>
          <b>Refund {one.refundId}</b> <Status of={one.status} /> {money(one.amount, currency)}{' '}
          <span class="quiet">{one.reason}</span>
        </Highlighted>
      ))}
      {notes.map((note, index) => (
        <Highlighted key={index} of={of} pick={(view) => view.notes[index]}>
          <b>Note</b> {person(note.text)}{' '}
          <span class="quiet">
            {note.actor}, {dayAndTime(note.at)}
          </span>
        </Highlighted>
      ))}
    </div>
  );
}

/** A label in words, with a link if the carrier gave one. */
function Label({ of: { label, status, trackingNumber } }: { readonly of: Shipment }) {
  if (label === undefined) return null;
  const isUnused =
    label.status === 'booked' &&
    (status === 'cancelled' || (trackingNumber !== undefined && trackingNumber !== label.trackingNumber));
  const link = label.status === 'booked' ? label.labelUrl : undefined;
  return (
    <span class="quiet">
      {' '}
      {labelInShort(label)}
      {isUnused && ', cancel it with the carrier'}{' '}
      {link !== undefined && (
        <a href={link} rel="noreferrer" target="_blank">
          Print
        </a>
      )}
    </span>
  );
}

function CustomerSection({ step, before }: VersionProps) {
  const { customer, shippingAddress, tags } = step.view;
  const of = { step, before };
  return (
    <section class="person" aria-label="Customer">
      <h3>Customer</h3>
      <Highlighted of={of} pick={(view) => view.customer}>
        <a href={`/customers/${encodeURIComponent(customer.id)}`}>{person(customer.name)}</a>{' '}
        <span class="quiet">
          {customer.id} {person(customer.email)}
        </span>
      </Highlighted>
      {shippingAddress !== undefined && (
        <Highlighted of={of} pick={(view) => view.shippingAddress}>
          {Object.values(shippingAddress).map(person).join(', ')}
        </Highlighted>
      )}
      {tags.length > 0 && <p class="quiet">{tags.join(', ')}</p>}
    </section>
  );
}
