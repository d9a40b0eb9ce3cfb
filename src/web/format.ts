import { formatMoney } from '../order/money.js';

/** An amount as people write it: `EUR 1,039.98`. */
export function money(amount: number | string, currency: string): string {
  const exact = formatMoney(typeof amount === 'string' ? BigInt(amount) : amount, currency);
  const [, text = ''] = exact.split(' ');
  const [units = '', fraction] = text.split('.');
  const grouped = units.replaceAll(/\B(?=(\d{3})+$)/g, ',');
  return `${currency} ${fraction === undefined ? grouped : `${grouped}.${fraction}`}`;
}

/** The amount without its currency. */
export function amountOf(amount: number | string, currency: string): string {
  return money(amount, currency).slice(currency.length + 1);
}

/** Minor units from what a user typed, such as `19.99`; undefined if it is not an amount. */
export function parseAmount(text: string, currency: string): number | undefined {
  const digits = digitsOf(currency);
  const [, units = '', fraction = ''] = /^(\d{1,12})(?:[.,](\d+))?$/.exec(text.trim()) ?? [];
  if (units === '' || fraction.length > digits) return undefined;
  return Number(units + fraction.padEnd(digits, '0'));
}

/** The digits of an amount after its decimal point. */
export function digitsOf(currency: string): number {
  return formatMoney(0, currency).split('.')[1]?.length ?? 0;
}

const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
] as const;

/** A span of time in its two largest units: `2 d 4 h`. */
export function duration(ms: number): string {
  const span = Math.max(0, ms);
  if (span < 1_000) return `${Math.round(span)} ms`;
  const first = units.findIndex(([, size]) => span >= size);
  const [unit, size] = units[first] ?? units[3];
  const [smaller, smallerSize] = units[first + 1] ?? [];
  const rest = smallerSize === undefined ? 0 : Math.floor((span % size) / smallerSize);
  return `${Math.floor(span / size)} ${unit}${rest === 0 ? '' : ` ${rest} ${smaller}`}`;
}

/** How long ago, in one unit: `3 min ago`. */
export function ago(time: string, now: number): string {
  const ms = now - Date.parse(time);
  return ms < 1_000 ? 'now' : `${duration(ms).split(' ').slice(0, 2).join(' ')} ago`;
}

/** How soon: `in 8 s`. */
export function countdown(time: string, now: number): string {
  const ms = Date.parse(time) - now;
  return ms < 1_000 ? 'now' : `in ${duration(ms)}`;
}

const day = new Intl.DateTimeFormat('en-GB', { weekday: 'short', day: 'numeric', month: 'short' });
const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const minutes = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });

/** `Fri 27 Nov, 18:20:04`, in the reader's time zone. */
export function dayAndTime(time: string): string {
  return `${day.format(new Date(time)).replace(',', '')}, ${clock.format(new Date(time))}`;
}

/** `18:20:04` */
export function timeOfDay(time: string): string {
  return clock.format(new Date(time));
}

/** `Fri 27 Nov` */
export function dayOf(time: string): string {
  return day.format(new Date(time)).replace(',', '');
}

/** `Sat 28 Nov 18:20` */
export function dayAndMinute(time: string): string {
  return `${dayOf(time)} ${minutes.format(new Date(time))}`;
}

/** `partially_shipped` as words. */
export function words(code: string): string {
  return code.replaceAll(/[_-]/g, ' ');
}

/** `PaymentAuthorized` as words: `Payment authorized`. */
export function eventName(type: string): string {
  const [first = '', ...rest] = type.split(/(?=[A-Z])/);
  return [first, ...rest.map((word) => word.toLowerCase())].join(' ');
}

/** A text with its times as people read them. */
export function withTimes(text: string): string {
  return text.replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, dayAndMinute);
}

/** What stands for a sealed value, which the reader may not see. */
export const notForThisKey = '(not for this key)';

/** A personal value; `notForThisKey` if it is sealed, and '' if there is none. */
export function person(value: string | undefined): string {
  if (value === undefined) return '';
  return value.startsWith('sealed:') ? notForThisKey : value;
}

/**
 * All rows share one instance: creating one for each row would take a tenth of the time of
 * scrolling.
 */
const whole = new Intl.NumberFormat('en');

/** `1 order`, `2 orders` */
export function count(many: number, one: string): string {
  return `${whole.format(many)} ${one}${many === 1 ? '' : 's'}`;
}
