import { CancellationScope, isCancellation, sleep } from '@temporalio/workflow';
import type { Deadline } from '../entity.js';

/** One durable timer, for the next deadline of an entity. */
export class DeadlineTimer {
  private readonly passed: (deadline: Deadline) => void;
  private timer: { readonly deadline: Deadline; readonly scope: CancellationScope } | undefined;

  /** @param passed called when the deadline that is watched has passed */
  constructor(passed: (deadline: Deadline) => void) {
    this.passed = passed;
  }

  /** Watches this deadline instead of the one before; none if it is undefined. */
  watch(deadline: Deadline | undefined): void {
    if (this.timer?.deadline.at === deadline?.at && this.timer?.deadline.name === deadline?.name) return;
    this.timer?.scope.cancel();
    this.timer = undefined;
    if (deadline === undefined) return;
    const scope = new CancellationScope();
    this.timer = { deadline, scope };
    const wait = Math.max(1, Date.parse(deadline.at) - Date.now());
    const slept = scope.run(() => sleep(wait, { summary: `${deadline.name} at ${deadline.at}` }));
    slept.then(
      () => this.end(deadline),
      (error: unknown) => {
        if (!isCancellation(error)) throw error;
      },
    );
  }

  private end(deadline: Deadline): void {
    this.timer = undefined;
    this.passed(deadline);
  }
}
