import { Decimal128, Long } from 'mongodb';

/** Minor units of a currency: a bigint where a number would not be exact. */
export type Sum = number | bigint;

/** How a sum of money is stored: 34 digits are exact, and more than all orders there can be. */
export type StoredSum = Decimal128;

export function storedSum(value: bigint): StoredSum {
  return Decimal128.fromString(String(value));
}

/** @param stored absent where nothing was ever added */
export function sumOf(stored: StoredSum | undefined): Sum {
  const [, digits = '0', zeros = '0'] = /^(-?\d+)(?:E\+(\d+))?$/.exec(stored?.toString() ?? '') ?? [];
  const exact = BigInt(digits) * 10n ** BigInt(zeros);
  return Number.isSafeInteger(Number(exact)) ? Number(exact) : exact;
}

/** How a count is stored: 64 bits, where a number of JavaScript's would become a fraction of binary digits. */
export function storedCount(value: bigint): Long {
  return Long.fromBigInt(value);
}
