import { type Client, isGrpcServiceError } from '@temporalio/client';
import type { temporal } from '@temporalio/proto';
import { isTooLarge } from '../../outages/temporal-outage.js';

export type HistoryEvent = temporal.api.history.v1.IHistoryEvent;
/** A run of a workflow; the latest one if there is no run id. */
export type Execution = temporal.api.common.v1.IWorkflowExecution;

export interface ReadOptions {
  /** time limit for each page; by default, the deadline of the caller's connection applies */
  readonly pageWithinMs?: number;
}

/** gRPC status codes. */
const NOT_FOUND = 5;
const DATA_LOSS = 15;

/** Temporal's default page size. */
const USUAL_PAGE_SIZE = 256;

/**
 * The events of a run, page by page; none if Temporal does not keep the run. If a page is too large
 * for one message, smaller pages are requested.
 *
 * @throws Error if this history cannot be read; gRPC errors if Temporal cannot be reached
 */
export async function* historyEvents(
  client: Client,
  execution: Execution,
  { pageWithinMs }: ReadOptions = {},
): AsyncGenerator<HistoryEvent, void> {
  const { namespace } = client.options;
  let maximumPageSize = USUAL_PAGE_SIZE;
  let nextPageToken: Uint8Array | undefined;
  while (nextPageToken === undefined || nextPageToken.length > 0) {
    const request = { namespace, execution, maximumPageSize, ...(nextPageToken && { nextPageToken }) };
    const read = () => client.workflowService.getWorkflowExecutionHistory(request);
    try {
      const page = await (pageWithinMs === undefined
        ? read()
        : client.connection.withDeadline(Date.now() + pageWithinMs, read));
      yield* page.history?.events ?? [];
      ({ nextPageToken } = page);
    } catch (error) {
      if (!isGrpcServiceError(error)) throw error;
      const code = error.code.valueOf();
      if (code === NOT_FOUND && nextPageToken === undefined) return;
      if (code === DATA_LOSS) throw unreadable('is lost', error);
      if (!isTooLarge(error)) throw error;
      if (maximumPageSize === 1) throw unreadable('has an event that is too large to be read', error);
      maximumPageSize = Math.ceil(maximumPageSize / 4);
    }
  }

  function unreadable(why: string, cause: Error): Error {
    return new Error(`the history of ${execution.workflowId} ${why}`, { cause });
  }
}
