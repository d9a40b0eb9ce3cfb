import { type Callback, type CallbackWithPromise, Consumer, kGetApi } from '@platformatic/kafka';

type Api = (...args: readonly unknown[]) => unknown;

/**
 * A consumer that continues while one partition has no leader. The client reads the topic's
 * metadata before each call, including its heartbeats, and takes that partition's error for a
 * failure of the whole call.
 */
export class GroupConsumer extends Consumer {
  override [kGetApi](name: string, callback: Callback<never>): void {
    super[kGetApi](name, (error, api) => {
      const found = name === 'Metadata' && api !== undefined ? withoutLeaders(api as unknown as Api) : api;
      callback(error, found as never);
    });
  }
}

/**
 * Wraps an API of the client, so that an answer whose only errors are missing leaders is a success.
 * The last argument of an API is its callback.
 */
export function withoutLeaders(api: Api): Api {
  return (...args) => {
    const callback = args.at(-1) as CallbackWithPromise<unknown>;
    return api(...args.slice(0, -1), (error: Error | null, response: unknown) => {
      if (error !== null && lacksLeadersOnly(error) && 'response' in error) callback(null, error.response);
      else callback(error, response);
    });
  };
}

function lacksLeadersOnly(error: Error): boolean {
  if (!(error instanceof AggregateError) || error.errors.length === 0) return false;
  return (error.errors as readonly unknown[]).every(
    (one) =>
      one instanceof Error &&
      'apiId' in one &&
      one.apiId === 'LEADER_NOT_AVAILABLE' &&
      'path' in one &&
      String(one.path).includes('/partitions/'),
  );
}
