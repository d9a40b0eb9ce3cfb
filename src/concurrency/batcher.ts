interface Pending<T, R> {
  readonly item: T;
  readonly resolve: (result: R) => void;
  readonly reject: (error: unknown) => void;
}

interface Bounds {
  /** maximum number of items in a batch */
  readonly size: number;
  /** maximum number of batches that run at a time; 1 by default */
  readonly concurrency?: number;
}

/**
 * Micro-batching: items that arrive while all batches are running wait and form the next batch.
 * With little load an item starts immediately; the higher the load, the larger the batches.
 *
 * @param work handles one batch; its result, or its error, goes to the caller of every item in the
 *   batch
 */
export function createBatcher<T, R>(
  { size, concurrency = 1 }: Bounds,
  work: (items: readonly T[]) => Promise<R>,
): (item: T) => Promise<R> {
  const pending: Pending<T, R>[] = [];
  let running = 0;

  async function runBatches(): Promise<void> {
    running += 1;
    while (pending.length > 0) {
      const batch = pending.splice(0, size);
      try {
        const result = await work(batch.map(({ item }) => item));
        for (const { resolve } of batch) resolve(result);
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    running -= 1;
  }

  return (item) =>
    new Promise((resolve, reject) => {
      pending.push({ item, resolve, reject });
      if (running < concurrency) void runBatches();
    });
}
