/** Begins what readiness says if no worker polls a task queue; the queue's name follows. */
export const noWorkerPolls = 'no worker polls the task queue';
