/** What readiness says if no worker polls a task queue. The name of the queue follows this text. */
export const noWorkerPolls = 'no worker polls the task queue';
