/** Groups items into batches of at most `size`. */
export async function* batches<T>(
  items: AsyncIterable<T> | Iterable<T>,
  size: number,
): AsyncGenerator<readonly T[], void> {
  let batch: T[] = [];
  for await (const item of items) {
    batch.push(item);
    if (batch.length < size) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

/**
 * Maps items with at most `concurrency` calls in flight; the results keep the order of the items.
 */
export async function* mapInOrder<T, R>(
  items: Iterable<T>,
  concurrency: number,
  map: (item: T) => Promise<R>,
): AsyncGenerator<R, void> {
  const started: Promise<R>[] = [];
  for (const item of items) {
    const one = map(item);
    // Prevents an unhandled rejection. The error is thrown where the promise is awaited below.
    one.catch(() => undefined);
    started.push(one);
    const oldest = started.length < concurrency ? undefined : started.shift();
    if (oldest !== undefined) yield await oldest;
  }
  for (const one of started) yield await one;
}

/** Yields the items; the next one is requested while the current one is being used. */
export async function* prefetch<T>(items: AsyncGenerator<T, void>): AsyncGenerator<T, void> {
  const ask = (): Promise<IteratorResult<T, void>> => {
    const asked = items.next();
    // Prevents an unhandled rejection. The error is thrown where the promise is awaited below.
    asked.catch(() => undefined);
    return asked;
  };
  try {
    let asked = ask();
    for (;;) {
      const { done, value } = await asked;
      if (done === true) return;
      asked = ask();
      yield value;
    }
  } finally {
    await items.return();
  }
}
