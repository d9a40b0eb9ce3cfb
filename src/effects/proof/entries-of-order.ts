/**
 * Filter for the entries of one order in a collection with the keys of effects as ids: movements, or
 * the ledger of a sandbox. Order ids have no colon, so `;`, the next character, ends
 * the range.
 */
export function entriesOfOrder(orderId: string) {
  return { _id: { $gte: `${orderId}:`, $lt: `${orderId};` } };
}
