import { type Callback, type CallbackWithPromise, Consumer, kGetApi } from '@platformatic/kafka';

type Api = (...args: readonly unknown[]) => unknown;

/**
 * A consumer for which one partition without a leader is no error of the others: the client needs
 * the metadata of the topic for each call, also to stay in its group.
 */
export class GroupConsumer extends Consumer {
  override [kGetApi](name: string, callback: Callback<never>): void {
    super[kGetApi](name, (error, api) => {
      const found = name === 'Metadata' && api !== undefined ? withoutLeaders(api as unknown as Api) : api;
      callback(error, found as never);
    });
  }
}

/** Calls an API of the client, whose last argument is the callback. */
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
