/** There was no answer in time. The request may have taken effect. */
export class DeadlineExceeded extends Error {
  override readonly name = 'DeadlineExceeded';
}

/**
 * Awaits a promise for at most `ms`. It is needed because a server that hangs enforces no timeout
 * of its own.
 *
 * @throws DeadlineExceeded after `ms`; what the promise settles to later is ignored
 */
export async function withTimeout<T>(ms: number, pending: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new DeadlineExceeded(`no answer in ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([pending, late]);
  } finally {
    clearTimeout(timer);
  }
}
