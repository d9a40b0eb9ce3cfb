import type { Block } from '../harness/interleave.js';

/** What follows from a start or an update: activities one after the other, or as many at once as each number says. */
export type Phase = readonly number[];

/** A bare SDK worker and client, in a process of their own. A start and all phases are one workflow. */
export type BareOrders = {
  /** Whole workflows, `atOnce` at a time; timed from the start to the end of the last phase's activities. */
  readonly run: (phases: readonly Phase[], count: number, atOnce: number) => Promise<Block>;
  /** The same up to the end of the first phase; `start` times the start alone, `first` the first phase too. */
  readonly open: (
    phases: readonly Phase[],
    count: number,
    atOnce: number,
  ) => Promise<{ readonly start: Block; readonly first: Block }>;
};

/** A bare HTTP server over MongoDB. */
export type BareApi = {
  /** `http://host:port` */
  readonly address: () => Promise<string>;
};
