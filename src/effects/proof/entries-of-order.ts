/**
 * Filter for the entries of one order in a collection whose ids are the keys of effects: movements,
 * or the ledger of a sandbox. Order ids have no colon, so `;`, the next character, ends the range.
 */
export function entriesOfOrder(orderId: string) {
  return { _id: { $gte: `${orderId}:`, $lt: `${orderId};` } };
}
