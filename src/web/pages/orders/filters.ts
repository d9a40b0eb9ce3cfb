import { orderStatuses } from '../../../order/order.js';
import { fulfillmentStatuses, paymentStatuses } from '../../../order/view.js';

/** The filters of the list by name, as in the page's address. The API has the same names. */
export type Filters = Readonly<Record<string, string>>;

/** Filters with a fixed set of values, shown as links. */
export const choiceFilters = [
  ['status', orderStatuses],
  ['paymentStatus', paymentStatuses],
  ['fulfillmentStatus', fulfillmentStatuses],
] as const;

/** Filters that are either on or absent. */
export const flagFilters = ['held', 'attention'] as const;

/** Filters that the reader types: name, label and kind of input. */
export const typedFilters = [
  ['q', 'Words', 'search'],
  ['createdAt[gte]', 'Created from', 'date'],
  ['createdAt[lt]', 'Created before', 'date'],
  ['total[gte]', 'Total from', 'number'],
  ['total[lte]', 'Total to', 'number'],
] as const;

const otherFilters = ['customerId', 'sku', 'tag', 'sort'] as const;
const knownFilters: ReadonlySet<string> = new Set([
  ...choiceFilters.map(([name]) => name),
  ...flagFilters,
  ...typedFilters.map(([name]) => name),
  ...otherFilters,
]);

/** The filters among the query parameters of the page's address. */
export function filtersOf(query: Readonly<Record<string, string>>): Filters {
  return Object.fromEntries(
    Object.entries(query).filter(([name, value]) => knownFilters.has(name) && value !== ''),
  );
}

const dayFilters: ReadonlySet<string> = new Set(
  typedFilters.filter(([, , type]) => type === 'date').map(([name]) => name),
);

/** The filters as the API takes them: a day becomes its first moment, in the reader's time zone. */
export function asQuery(filters: Filters): Filters {
  return Object.fromEntries(
    Object.entries(filters).map(([name, value]) => [name, dayFilters.has(name) ? startOf(value) : value]),
  );
}

/**
 * The first moment of a day; any other text as it is, because the API says what is wrong with it.
 */
function startOf(day: string): string {
  const time = new Date(`${day}T00:00:00`);
  return Number.isNaN(time.getTime()) ? day : time.toISOString();
}
