import type { Charges } from './events.js';

/*
 * Money is an integer number of minor units (cents for EUR, yen for JPY) in one ISO-4217 currency
 * per order. No function here returns a fraction, or a number larger than
 * `Number.MAX_SAFE_INTEGER`.
 */

/** Active ISO-4217 codes of currencies that can be charged, without funds codes and metals. */
const currencies = new Set(
  (
    'AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF ' +
    'CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL ' +
    'HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD ' +
    'MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG ' +
    'QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD ' +
    'TWD TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG'
  ).split(' '),
);

// prettier-ignore
/** Digits after the decimal point, for currencies that do not have two (ISO-4217, "minor unit"). */
const minorUnits: Readonly<Record<string, number>> = {
  BHD: 3, BIF: 0, CLP: 0, DJF: 0, GNF: 0, IQD: 3, ISK: 0, JOD: 3, JPY: 0, KMF: 0, KRW: 0, KWD: 3, LYD: 3, OMR: 3,
  PYG: 0, RWF: 0, TND: 3, UGX: 0, VND: 0, VUV: 0, XAF: 0, XOF: 0, XPF: 0,
};

export function isCurrency(code: string): boolean {
  return currencies.has(code);
}

/** `formatMoney(3998, 'EUR')` is `EUR 39.98` on every machine, because it uses no locale data. */
export function formatMoney(amount: number | bigint, currency: string): string {
  const digits = minorUnits[currency] ?? 2;
  const text = String(amount)
    .replace('-', '')
    .padStart(digits + 1, '0');
  const units = text.slice(0, text.length - digits);
  const sign = amount < 0 ? '-' : '';
  return `${currency} ${sign}${digits === 0 ? units : `${units}.${text.slice(-digits)}`}`;
}

interface Priced extends Charges {
  readonly lines: readonly { readonly quantity: number; readonly unitPrice: number }[];
}

/**
 * Goods + shipping fee + tax − discount; `undefined` if the sum before the discount is not a safe
 * integer.
 */
export function orderTotal({ lines, shippingFee, tax, discount }: Priced): number | undefined {
  const goods = lines.reduce((sum, line) => sum + BigInt(line.quantity) * BigInt(line.unitPrice), 0n);
  const gross = goods + BigInt(shippingFee) + BigInt(tax);
  if (gross > BigInt(Number.MAX_SAFE_INTEGER)) return undefined;
  return Number(gross - BigInt(discount));
}

/**
 * `amount` × `part` / `whole`, rounded down. To split an amount exactly, a caller takes the share
 * of all parts so far and subtracts the shares taken before. No minor unit is lost or added.
 */
export function share(amount: number, part: bigint, whole: bigint): number {
  return Number((BigInt(amount) * part) / whole);
}

/**
 * Splits `amount` over items in proportion to their weights, by the largest remainder method. Each
 * part is rounded down. The minor units that are left go to the largest remainders, and between
 * equal remainders to the first item. If all weights are 0, each part is 0. If `amount` is at most
 * the sum of the weights, no part is larger than its weight.
 */
export function spread<T, R>(
  amount: number,
  items: readonly T[],
  weight: (item: T) => bigint,
  give: (item: T, part: number) => R,
): readonly R[] {
  const weighed = items.map((item) => ({ item, exact: BigInt(amount) * weight(item) }));
  const whole = items.reduce((sum, item) => sum + weight(item), 0n);
  if (whole === 0n) return items.map((item) => give(item, 0));
  const left = weighed.reduce((rest, { exact }) => rest - exact / whole, BigInt(amount));
  const roundedUp = new Set(
    weighed.toSorted((a, b) => Number((b.exact % whole) - (a.exact % whole))).slice(0, Number(left)),
  );
  return weighed.map((entry) =>
    give(entry.item, Number(entry.exact / whole) + (roundedUp.has(entry) ? 1 : 0)),
  );
}
