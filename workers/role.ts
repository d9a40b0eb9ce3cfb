import type { Connection } from '@temporalio/client';
import type { StepTally } from '../src/activities/step-tally.js';
import type { FeedTail } from '../src/event-log/feed.js';
import type { Config } from '../src/platform/config.js';
import type { Mongo } from '../src/platform/connections.js';
import type { Logger } from '../src/platform/logger.js';

/** What a role is given to work with. Either server may be away, at the start and at any time. */
export interface RoleContext {
  readonly config: Config;
  readonly temporal: Connection;
  readonly mongo: Mongo;
  /** one for all roles of the process */
  readonly tail: FeedTail;
  /** of the workers of this process; absent where it has none */
  readonly tally?: StepTally;
  readonly logger: Logger;
}

export interface RunningRole {
  /** Takes nothing new, lets what runs come to an end, and resolves within a few seconds. */
  stop(): Promise<void>;
}
