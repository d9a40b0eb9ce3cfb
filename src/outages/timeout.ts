/** There was no answer in time. What was asked for may be done all the same. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer';
}

/**
 * The answer to what was asked, waited for `ms` at most. The bound is kept here, since a server that stands still keeps none.
 *
 * @throws NoAnswer once the time is up; what comes later is nobody's
 */
export async function within<T>(ms: number, asked: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new NoAnswer(`no answer in ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([asked, late]);
  } finally {
    clearTimeout(timer);
  }
}
