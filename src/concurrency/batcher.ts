interface Asked<T, R> {
  readonly item: T;
  readonly resolve: (result: R) => void;
  readonly reject: (error: unknown) => void;
}

interface Bounds {
  /** how many may be in a group */
  readonly size: number;
  /** how many groups may be under way; one by default */
  readonly atOnce?: number;
}

/**
 * Does work for many at once: what is asked for while all groups are under way waits, and is the next group. So nobody waits
 * while there is little to do, and the more there is, the larger the groups.
 *
 * @param work its result, or its error, is everybody's in the group
 */
export function inGroups<T, R>(
  { size, atOnce = 1 }: Bounds,
  work: (items: readonly T[]) => Promise<R>,
): (item: T) => Promise<R> {
  const asked: Asked<T, R>[] = [];
  let underWay = 0;

  async function goOn(): Promise<void> {
    underWay += 1;
    while (asked.length > 0) {
      const group = asked.splice(0, size);
      try {
        const result = await work(group.map(({ item }) => item));
        for (const { resolve } of group) resolve(result);
      } catch (error) {
        for (const { reject } of group) reject(error);
      }
    }
    underWay -= 1;
  }

  return (item) =>
    new Promise((resolve, reject) => {
      asked.push({ item, resolve, reject });
      if (underWay < atOnce) void goOn();
    });
}
