export const forgetWorkflow = 'forgetPerson';

/** A customer has one workflow id, so no two workflows forget the same customer at a time. */
export function forgetWorkflowId(customerId: string, taskQueue: string): string {
  return `forget-${customerId}@${taskQueue}`;
}

/**
 * The argument of the workflow: a request to forget a customer. It is kept after the forgetting, so
 * it has no personal data.
 */
export interface Forgetting {
  /** the id of this forgetting, derived from the id of the command */
  readonly id: string;
  readonly customerId: string;
  readonly reason: string;
  /** such as `GDPR Art. 17` */
  readonly lawfulBasis?: string;
  /**
   * whether to wait until all orders of the customer are finished; if false, an open order ends the
   * forgetting
   */
  readonly whenFinished: boolean;
  readonly commandId: string;
  /** the hash of the command's body */
  readonly hash: string;
  readonly correlationId: string;
  readonly actor: string;
  /** on whose behalf the actor acts; absent if the actor acts for itself */
  readonly onBehalfOf?: string;
  /** ISO-8601 UTC */
  readonly requestedAt: string;
  /**
   * how long a process may still start orders that it has sealed under the customer's keys, after
   * the keys were taken out of use
   */
  readonly keyInUseMs: number;
}

/** Orders that keep a customer from being forgotten. */
export interface OpenOrders {
  readonly count: number;
  /** ids of the first of these orders */
  readonly orderIds: readonly string[];
}

interface ForgettingWithKeys {
  readonly forgetting: Forgetting;
  /** ids of the keys that this forgetting destroys */
  readonly keys: readonly string[];
}

/** Each activity is idempotent, and retried until it succeeds. */
export interface ForgettingActivities {
  /**
   * The customer's orders that are not finished. With `keys`, orders that a forgetting of these
   * keys does not concern (`needsForgetting`) are left out, because they began later. Also sets the
   * status of the forgetting to `forgetting`.
   */
  findOpenOrders(asked: {
    readonly forgetting: Forgetting;
    readonly keys?: readonly string[];
  }): Promise<OpenOrders>;
  /** Stores the status of the forgetting, which the API shows. */
  noteForgetting(noted: {
    readonly forgetting: Forgetting;
    readonly status: 'waiting' | 'refused';
    readonly open: OpenOrders;
  }): Promise<void>;
  /** Takes the customer's keys out of use; returns their ids. */
  retireKeys(forgetting: Forgetting): Promise<readonly string[]>;
  destroyKeys(asked: ForgettingWithKeys): Promise<void>;
  /** Appends `PersonForgotten` to the customer's orders that need it (`needsForgetting`). */
  forgetInOrders(asked: ForgettingWithKeys): Promise<void>;
  /** Checks every location (`clearAndInspect`), signs the certificate and stores it. */
  certify(asked: ForgettingWithKeys): Promise<void>;
}
