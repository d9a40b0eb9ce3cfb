import type { Connection } from '@temporalio/client';
import type { StepTally } from '../src/log/journal/step-tally.js';
import type { FeedTail } from '../src/log/feed/feed.js';
import type { Config } from '../src/server/config.js';
import type { Mongo } from '../src/server/connections.js';
import type { Logger } from '../src/server/logger.js';

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
