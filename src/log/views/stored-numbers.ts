import { Decimal128, Long } from 'mongodb';

/** Minor units of a currency: a bigint if a number would not be exact. */
export type Sum = number | bigint;

/** How a sum of money is stored: exact to 34 digits, more than any number of orders needs. */
export type StoredSum = Decimal128;

export function storedSum(value: bigint): StoredSum {
  return Decimal128.fromString(String(value));
}

/** @param stored absent if nothing was ever added */
export function sumOf(stored: StoredSum | undefined): Sum {
  const [, digits = '0', zeros = '0'] = /^(-?\d+)(?:E\+(\d+))?$/.exec(stored?.toString() ?? '') ?? [];
  const exact = BigInt(digits) * 10n ** BigInt(zeros);
  return Number.isSafeInteger(Number(exact)) ? Number(exact) : exact;
}

/** How a count is stored: as a 64-bit integer. The driver would store a large one as a double. */
export function storedCount(value: bigint): Long {
  return Long.fromBigInt(value);
}
