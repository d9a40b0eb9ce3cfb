/**
 * Shares work that is under way: a call with the key of an earlier one that has not ended gets the
 * promise of that one.
 */
export function createSharing<T>(): (key: string, work: () => Promise<T>) => Promise<T> {
  const underWay = new Map<string, Promise<T>>();
  return (key, work) => {
    const shared = underWay.get(key);
    if (shared !== undefined) return shared;
    const begun = work().finally(() => underWay.delete(key));
    underWay.set(key, begun);
    return begun;
  };
}
