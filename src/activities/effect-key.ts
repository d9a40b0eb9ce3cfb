/** The order that an effect's key, `<orderId>:<type>:<version>`, belongs to. */
export function orderOf(key: string): string {
  return key.split(':').slice(0, -2).join(':');
}
