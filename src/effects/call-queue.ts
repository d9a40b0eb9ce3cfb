import { MAX_WAIT_MS, ProviderBusy } from './provider-busy.js';

/** A queue that limits the calls in flight. As many calls may wait in it as may be in flight. */
export class CallQueue {
  private running = 0;
  private readonly waiting: (() => void)[] = [];
  private readonly name: string;
  private readonly concurrency: number;

  constructor(name: string, concurrency: number) {
    this.name = name;
    this.concurrency = concurrency;
  }

  /** @throws ProviderBusy if the queue is full, or no slot is free within `MAX_WAIT_MS` */
  async inTurn<T>(work: () => Promise<T>): Promise<T> {
    await this.enter();
    try {
      return await work();
    } finally {
      this.leave();
    }
  }

  private async enter(): Promise<void> {
    if (this.running < this.concurrency) {
      this.running += 1;
      return;
    }
    const full = `${this.name} has ${this.concurrency} calls under way`;
    if (this.waiting.length >= this.concurrency) throw new ProviderBusy(full);
    await new Promise<void>((resolve, reject) => {
      const proceed = (): void => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        this.waiting.splice(this.waiting.indexOf(proceed), 1);
        reject(new ProviderBusy(`${full}, and none ended in a second`));
      }, MAX_WAIT_MS);
      this.waiting.push(proceed);
    });
  }

  private leave(): void {
    const next = this.waiting.shift();
    // The next call takes over the slot, so `running` does not change.
    if (next === undefined) this.running -= 1;
    else next();
  }
}
