/** Runs work one after another for each key, and for different keys at the same time. */
export class KeyedQueue {
  private readonly last = new Map<string, Promise<void>>();

  /** @param work never fails */
  add(key: string, work: () => Promise<void>): void {
    const done = after(this.last.get(key), work);
    this.last.set(key, done);
    void this.forget(key, done);
  }

  private async forget(key: string, done: Promise<void>): Promise<void> {
    await done;
    if (this.last.get(key) === done) this.last.delete(key);
  }

  async allDone(): Promise<void> {
    await Promise.all(this.last.values());
  }
}

async function after(before: Promise<void> | undefined, work: () => Promise<void>): Promise<void> {
  await before;
  await work();
}
