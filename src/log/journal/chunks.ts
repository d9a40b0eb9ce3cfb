/** Puts what comes one by one together, `size` at most in one. */
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

/** What becomes of the items, in their order, while `atOnce` at most are under way. */
export async function* inTurn<T, R>(
  items: Iterable<T>,
  atOnce: number,
  become: (item: T) => Promise<R>,
): AsyncGenerator<R, void> {
  const begun: Promise<R>[] = [];
  for (const item of items) {
    const one = become(item);
    // It fails when its turn comes.
    one.catch(() => undefined);
    begun.push(one);
    const oldest = begun.length < atOnce ? undefined : begun.shift();
    if (oldest !== undefined) yield await oldest;
  }
  for (const one of begun) yield await one;
}

/** The items, each of which is on its way while the one before is used. */
export async function* ahead<T>(items: AsyncGenerator<T, void>): AsyncGenerator<T, void> {
  const ask = (): Promise<IteratorResult<T, void>> => {
    const asked = items.next();
    // It fails when its turn comes.
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
