interface Asked<T, R> {
  readonly item: T;
  readonly resolve: (result: R) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Does work for many at once: what is asked for while a group is under way waits, and is the next group. So nobody waits
 * while there is little to do, and the more there is, the larger the groups.
 *
 * @param limit how many may be in a group
 * @param work its result, or its error, is everybody's
 */
export function inGroups<T, R>(
  limit: number,
  work: (items: readonly T[]) => Promise<R>,
): (item: T) => Promise<R> {
  const asked: Asked<T, R>[] = [];
  let isUnderWay = false;

  async function goOn(): Promise<void> {
    isUnderWay = true;
    while (asked.length > 0) {
      const group = asked.splice(0, limit);
      try {
        const result = await work(group.map(({ item }) => item));
        for (const { resolve } of group) resolve(result);
      } catch (error) {
        for (const { reject } of group) reject(error);
      }
    }
    isUnderWay = false;
  }

  return (item) =>
    new Promise((resolve, reject) => {
      asked.push({ item, resolve, reject });
      if (!isUnderWay) void goOn();
    });
}
