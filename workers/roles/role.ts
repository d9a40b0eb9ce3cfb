import type { Connection } from '@temporalio/client';
import type { Providers } from '../../src/effects/provider-modules.js';
import type { FeedTail } from '../../src/log/feed/tail.js';
import type { StepMetrics } from '../../src/log/recording/step-metrics.js';
import type { Config } from '../../src/server/config.js';
import type { Mongo } from '../../src/server/connections.js';
import type { Logger } from '../../src/server/logging/logger.js';

/**
 * The connections and settings that every role gets. Temporal and MongoDB may be unavailable at
 * any time, also at the start.
 */
export interface RoleContext {
  readonly config: Config;
  readonly temporal: Connection;
  readonly mongo: Mongo;
  /** shared by all roles of the process */
  readonly tail: FeedTail;
  /** the step metrics of the workers in this process; absent if it has none */
  readonly stepMetrics?: StepMetrics;
  readonly logger: Logger;
  /** the providers of the worker and of proofs; by default, the built-in ones */
  readonly providers?: Providers;
}

export interface RunningRole {
  /** Takes no new work, lets running work end, and resolves within a few seconds. */
  stop(): Promise<void>;
}
