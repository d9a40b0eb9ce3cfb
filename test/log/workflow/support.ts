import { randomUUID } from 'node:crypto';
import { Client, Connection, type WorkflowHandle, isGrpcServiceError } from '@temporalio/client';
import { google, type temporal } from '@temporalio/proto';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { type Message, messageId, stateQuery } from '../../../src/log/workflow/messages.js';
import type { ResumptionActivities } from '../../../src/log/workflow/steps.js';
import {
  type Answer,
  type NewOrder,
  type OrderState,
  type ResumedOrder,
  type Step,
  type Steps,
  orderWorkflow,
  workflowId,
} from '../../../src/order-log.js';
import type { CommandData, FollowUpType } from '../../../src/order/commands.js';
import type { EffectType } from '../../../src/order/effects.js';
import type { OrderEvent } from '../../../src/order/events.js';
import { RULES_TODAY } from '../../../src/order/rules.js';
import { upcast } from '../../../src/order/upcasters.js';
import { shared, uniqueName, workflowBundle } from '../../support/servers.js';
import { until } from '../../support/until.js';

const day = 24 * 60 * 60 * 1000;
export const terms = { paymentDeadline: day, returnWindow: 30 * day, authorizationTtl: 7 * day };

export const newOrder: CommandData['CreateOrder'] = {
  customer: { id: 'c-1', name: 'Ada Example', email: 'ada@example.com' },
  currency: 'EUR',
  lines: [{ sku: 'A-1', quantity: 2, unitPrice: 1999, name: 'Lamp' }],
  payment: { method: 'tok_ok' },
  terms,
  rules: RULES_TODAY,
};

export function messageOf<D>(data: D, more: Partial<Message> = {}): Message<D> {
  return {
    commandId: `tester ${randomUUID()}`,
    hash: '0123456789abcdef',
    correlationId: randomUUID(),
    actor: 'tester',
    requestId: randomUUID().slice(0, 8),
    ...more,
    data,
  };
}

type Perform<T extends EffectType> = Steps[T];

/**
 * Activities of an order with scripted answers. It keeps every step, and a test sets the answer to
 * each kind of effect.
 */
export class ScriptedActivities {
  readonly steps: Step[] = [];
  private readonly answers: { [T in EffectType]: Perform<T> } = {
    reserve: async () => ({ type: 'reserved' }),
    release: async () => ({ type: 'done' }),
    deduct: async () => ({ type: 'done' }),
    restock: async () => ({ type: 'done' }),
    authorize: async ({ effect }) => ({ type: 'authorized', authorizationId: `a-${effect?.key ?? ''}` }),
    capture: async ({ effect }) => ({ type: 'captured', captureId: `c-${effect?.key ?? ''}` }),
    void: async () => ({ type: 'voided' }),
    refund: async () => ({ type: 'refunded' }),
    book: async ({ effect }) => ({
      type: 'booked',
      carrier: effect?.carrier ?? 'Sandbox Post',
      trackingNumber: `t-${effect?.key ?? ''}`,
    }),
  };
  record: (step: Step) => Promise<void> = async () => {};
  /** answers for commands that the order has forgotten */
  recall: Steps['recall'] = async () => [];

  on<T extends EffectType>(type: T, answer: Perform<T>): void {
    Object.assign(this.answers, { [type]: answer });
  }

  /** Every event in the inputs of activities, once, by version. */
  recorded(): OrderEvent[] {
    const byVersion = new Map(
      this.steps.flatMap((step) => step.events).map((event) => [event.version, upcast(event)]),
    );
    return [...byVersion.values()].toSorted((a, b) => a.version - b.version);
  }

  effects(): string[] {
    return this.steps.flatMap((step) => (step.effect === undefined ? [] : [step.effect.key]));
  }

  implementations(): Steps & ResumptionActivities {
    const keep = async <T extends EffectType, R>(step: Step<T>, answer: () => Promise<R>): Promise<R> => {
      // Each step has one of the types that `Step` unites.
      const any = step as unknown as Step;
      this.steps.push(any);
      await this.record(any);
      return await answer();
    };
    const { answers } = this;
    return {
      record: async (step) => await keep(step as Step, async () => {}),
      recall: async (step) => await this.recall(step),
      loadLog: async ({ after }) => this.recorded().filter(({ version }) => version > after),
      claimResumption: async () => true,
      reserve: async (step) => await keep(step, () => answers.reserve(step)),
      release: async (step) => await keep(step, () => answers.release(step)),
      deduct: async (step) => await keep(step, () => answers.deduct(step)),
      restock: async (step) => await keep(step, () => answers.restock(step)),
      authorize: async (step) => await keep(step, () => answers.authorize(step)),
      capture: async (step) => await keep(step, () => answers.capture(step)),
      void: async (step) => await keep(step, () => answers.void(step)),
      refund: async (step) => await keep(step, () => answers.refund(step)),
      book: async (step) => await keep(step, () => answers.book(step)),
    };
  }
}

// Activities fail on purpose here, so warnings are not logged.
Runtime.install({ logger: new DefaultLogger('ERROR') });

/** A separate worker on the shared server, with scripted activities. */
export class Orders {
  readonly activities: ScriptedActivities;
  private readonly ending: Promise<void>;

  readonly client: Client;
  readonly taskQueue: string;
  private readonly native: NativeConnection;
  private readonly worker: Worker;

  private constructor(
    client: Client,
    native: NativeConnection,
    worker: Worker,
    activities: ScriptedActivities,
    taskQueue: string,
  ) {
    this.client = client;
    this.native = native;
    this.worker = worker;
    this.activities = activities;
    this.taskQueue = taskQueue;
    this.ending = worker.run();
  }

  /** @param taskQueue by default a new one; that of a closed `Orders`, to continue its orders */
  static async open(taskQueue = uniqueName('orders')): Promise<Orders> {
    const address = shared.temporalAddress;
    const [native, connection] = await Promise.all([
      NativeConnection.connect({ address }),
      Connection.connect({ address }),
    ]);
    const activities = new ScriptedActivities();
    const worker = await Worker.create({
      connection: native,
      taskQueue,
      workflowBundle,
      activities: activities.implementations(),
      shutdownGraceTime: '1s',
      workerDeploymentOptions: {
        version: { deploymentName: 'orders', buildId: 'test' },
        useWorkerVersioning: false,
      },
    });
    return new Orders(new Client({ connection }), native, worker, activities, taskQueue);
  }

  async close(): Promise<void> {
    this.worker.shutdown();
    await this.ending;
    await Promise.all([this.native.close(), this.client.connection.close()]);
  }

  async start(
    data: Partial<CommandData['CreateOrder']> = {},
    more: Partial<NewOrder> = {},
  ): Promise<{ order: StartedOrder; orderId: string }> {
    const orderId = randomUUID();
    const handle = await this.client.workflow.start(orderWorkflow, {
      workflowId: workflowId(orderId),
      taskQueue: this.taskQueue,
      args: [{ orderId, create: messageOf({ ...newOrder, ...data }), ...more } satisfies NewOrder],
    });
    return { order: new StartedOrder(this.client, handle), orderId };
  }
}

/**
 * Terminates the workflow of an unfinished order, and resumes it from what the activities have
 * recorded.
 */
export async function resumed(
  orders: Orders,
  { handle }: StartedOrder,
  messages: ResumedOrder['resume']['messages'],
): Promise<StartedOrder> {
  const { runId } = await handle.describe();
  await handle.terminate();
  const { data: _, ...message } = messageOf({});
  const orderId = handle.workflowId.slice(workflowId('').length);
  const resume = { ...message, reason: 'it was terminated', previousRunId: runId, messages };
  const next = await orders.client.workflow.start(orderWorkflow, {
    workflowId: handle.workflowId,
    taskQueue: orders.taskQueue,
    args: [{ orderId, resume } satisfies ResumedOrder],
  });
  const order = new StartedOrder(orders.client, next);
  // The run answers once it has taken the order over.
  await until(() => order.state());
  return order;
}

const grpcFailedPrecondition = 9;

/**
 * Whether the run was continued as new when the update arrived. The same update is then sent to the
 * next run, as the gateway does.
 */
function isTaskFailed(error: unknown): boolean {
  return (
    error instanceof Error &&
    isGrpcServiceError(error.cause) &&
    error.cause.code.valueOf() === grpcFailedPrecondition
  );
}

/** Sends commands and queries to one order. */
export class StartedOrder {
  readonly client: Client;
  /** the handle of the first run */
  readonly handle: WorkflowHandle;

  constructor(client: Client, handle: WorkflowHandle) {
    this.client = client;
    this.handle = handle;
  }

  /** The handle of the latest run. */
  current(): WorkflowHandle {
    return this.client.workflow.getHandle(this.handle.workflowId);
  }

  async runId(): Promise<string> {
    return (await this.current().describe()).runId;
  }

  async update<T extends FollowUpType>(
    type: T,
    data: CommandData[T],
    more: Partial<Message> = {},
  ): Promise<Answer> {
    const message = messageOf(data, more);
    const handle = this.current();
    for (;;) {
      try {
        return await handle.executeUpdate<Answer, [Message]>(type, {
          args: [message],
          updateId: messageId(message),
        });
      } catch (error) {
        if (!isTaskFailed(error)) throw error;
      }
    }
  }

  async signal<T extends FollowUpType>(
    type: T,
    data: CommandData[T],
    more: Partial<Message> = {},
  ): Promise<void> {
    await this.current().signal(type, messageOf(data, more));
  }

  async state(): Promise<OrderState> {
    return await this.current().query<OrderState>(stateQuery);
  }

  /** The state, once it is as wanted. @throws Error with the last state */
  async until(isWanted: (state: OrderState) => boolean, seconds = 60): Promise<OrderState> {
    return await until(async () => {
      const state = await this.state();
      if (!isWanted(state)) throw new Error(`still ${JSON.stringify(state)}`);
      return state;
    }, seconds);
  }

  async history(): Promise<temporal.api.history.v1.IHistory> {
    return await this.handle.fetchHistory();
  }
}

/**
 * Lets `milliseconds` pass for one order immediately. The server's time skipping is a young API
 * (raw gRPC, and a dynamic config value of the test server), so it is used only here.
 */
export async function fastForward({ client, handle }: StartedOrder, milliseconds: number): Promise<void> {
  const id = randomUUID();
  const duration = google.protobuf.Duration.fromObject({ seconds: Math.ceil(milliseconds / 1000) });
  const { workflowService } = client.connection;
  const execution = {
    namespace: client.options.namespace,
    workflowExecution: { workflowId: handle.workflowId },
  };
  await workflowService.updateWorkflowExecutionOptions({
    ...execution,
    workflowExecutionOptions: {
      timeSkippingConfig: {
        enabled: true,
        fastForwardConfig: { id, duration },
      },
    },
    updateMask: { paths: ['time_skipping_config'] },
  });
  await workflowService.pollWorkflowExecutionTimeSkipping({ ...execution, fastForwardId: id });
}
