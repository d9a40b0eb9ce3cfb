import type { Block } from '../harness/interleave.js';

/**
 * The activities that follow a start or an update. Each number is a group of so many activities at
 * the same time; the groups run one after another.
 */
export type Phase = readonly number[];

/**
 * A bare SDK worker and client, in a separate process. A start and all its phases are one workflow.
 */
export type BareOrders = {
  /**
   * Runs whole workflows, `atOnce` at a time, and times each from its start to the end of the last
   * phase's activities.
   */
  readonly run: (phases: readonly Phase[], count: number, atOnce: number) => Promise<Block>;
  /**
   * Runs workflows up to the end of the first phase. `start` times only the start, and `first` the
   * start and the first phase.
   */
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
