import { amountOf, digitsOf, duration } from '../../format.js';
import type { Day } from '../../shapes.js';

/** One or more lines over the same days. */
export interface Chart {
  readonly title: string;
  /** the start of each day, in ms since 1970 */
  readonly days: readonly number[];
  readonly names: readonly string[];
  /** for each name, one value per day; null if there is none */
  readonly values: readonly (readonly (number | null)[])[];
  /** Formats a value of the line `name`, or one of the axis if no name is given. */
  readonly format: (value: number | null, name?: string) => string;
}

const DAY_MS = 86_400_000;

/** Charts of all days from `from` to `to`, including days on which nothing happened. */
export function chartsOf(from: string, to: string, found: readonly Day[]): readonly Chart[] {
  const days: string[] = [];
  for (let time = Date.parse(from); time <= Date.parse(to); time += DAY_MS)
    days.push(new Date(time).toISOString().slice(0, 10));
  const times = days.map((day) => Date.parse(day));
  const sums = (value: (day: Day) => number) =>
    days.map((day) => found.filter((one) => one.day === day).reduce((sum, one) => sum + value(one), 0));
  const whole = (value: number | null) => (value === null ? '–' : Math.round(value).toLocaleString('en'));
  const currencies = [...new Set(found.map(({ currency }) => currency))].slice(0, 3);
  const [currency = 'EUR'] = currencies;
  const ofMain = (day: string) => found.find((one) => one.day === day && one.currency === currency);
  return [
    {
      title: 'Orders',
      days: times,
      names: ['created', 'cancelled', 'rejected'],
      values: [
        sums(({ created }) => created),
        sums(({ cancelled }) => cancelled),
        sums(({ rejected, expired }) => rejected + expired),
      ],
      format: whole,
    },
    {
      title: `Revenue, ${currencies.join(', ')}`,
      days: times,
      names: currencies,
      values: currencies.map((one) =>
        days.map((day) => {
          const { revenue = 0 } = found.find((it) => it.day === day && it.currency === one) ?? {};
          return Number(revenue) / 10 ** digitsOf(one);
        }),
      ),
      format: (value, name = currency) =>
        value === null ? '–' : amountOf(Math.round(value * 10 ** digitsOf(name)), name),
    },
    {
      title: 'Time to confirm',
      days: times,
      names: ['average'],
      values: [days.map((day) => ofMain(day)?.timeToConfirm?.average ?? null)],
      format: (value) => (value === null ? '–' : duration(value)),
    },
    {
      title: 'Cancelled, of those created',
      days: times,
      names: ['share'],
      values: [days.map((day) => ofMain(day)?.cancellationRate ?? null)],
      format: (value) => (value === null ? '–' : `${Math.round(value * 100)} %`),
    },
  ];
}
