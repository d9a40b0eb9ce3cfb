import { WorkflowNotFoundError } from '@temporalio/client';
import { type CommandMeta, idsOf, messageTo } from '../../../log/gateway/message.js';
import { sendUpdate } from '../../../log/gateway/send-command.js';
import type { Message } from '../../../log/workflow/messages.js';
import { orderLog, workflowId } from '../../../order-log.js';
import type { Fact, FollowUpCommand } from '../../../order/commands.js';
import type { Config } from '../../../server/config.js';
import { createStarting } from './starting.js';
import { asOrderResult, type CommandResult, type Gateway, type GatewayOptions } from './gateway.js';
import { contextOf, type GatewayContext } from './context.js';
import { createPreviews } from './ask-preview.js';
import { tooManyFacts } from './refusals.js';
import { createSealing } from './send-sealed.js';
import { circuitBreaker } from './circuit-breaker.js';
import { withoutWorkflow } from './without-workflow.js';

/** The options of a gateway that come from the configuration. */
export function gatewaySettings({
  temporal,
  terms,
  continueAsNewAfter,
}: Config): Pick<GatewayOptions, 'taskQueue' | 'terms' | 'continueAsNewAfter'> {
  return {
    taskQueue: temporal.taskQueue,
    terms: {
      paymentDeadline: terms.paymentDeadlineMs,
      returnWindow: terms.returnWindowMs,
      authorizationTtl: terms.authorizationTtlMs,
    },
    ...(continueAsNewAfter === undefined ? {} : { continueAsNewAfter }),
  };
}

export function createGateway(options: GatewayOptions): Gateway {
  const context = contextOf(options);
  const sealing = createSealing(context);
  const starting = createStarting(context, sealing);
  const hasRoom = circuitBreaker(context.hasRoomForFacts, context.journalWithinMs);
  const { sendSealed } = sealing;

  function execute(orderId: string, command: FollowUpCommand, meta: CommandMeta): Promise<CommandResult> {
    return context.outcomeOf(orderId, idsOf(meta), () =>
      sendSealed(orderId, command, meta, (one) => executeSealed(context, orderId, one, meta)),
    );
  }

  function signal(orderId: string, command: FollowUpCommand, meta: CommandMeta): Promise<CommandResult> {
    return context.outcomeOf(orderId, idsOf(meta), () =>
      sendSealed(orderId, command, meta, ({ type, data }) =>
        sendSignal(context, orderId, type, messageTo(orderId, type, data, meta)),
      ),
    );
  }

  async function fact(orderId: string, { type, data }: Fact, meta: CommandMeta): Promise<CommandResult> {
    if ((await hasRoom(orderId)) === false) return tooManyFacts(orderId);
    return await sendSignal(context, orderId, type, messageTo(orderId, type, data, meta));
  }

  return { create: starting.create, execute, signal, fact, ...createPreviews(context, sealing, starting) };
}

async function executeSealed(
  context: GatewayContext,
  orderId: string,
  { type, data }: FollowUpCommand,
  meta: CommandMeta,
): Promise<CommandResult> {
  const message = messageTo<object>(orderId, type, data, meta);
  const sent = await context.inTime(() => sendUpdate(orderLog, context, orderId, type, message));
  if (sent.kind === 'no-workflow') return await withoutWorkflow(context, orderId, message, 'update');
  return asOrderResult(sent);
}

function sendSignal(
  context: GatewayContext,
  orderId: string,
  name: string,
  message: Message,
): Promise<CommandResult> {
  const { client, inTime, outcomeOf } = context;
  return outcomeOf(orderId, message, async () => {
    try {
      await inTime(() => client.workflow.getHandle(workflowId(orderId)).signal<[Message]>(name, message));
      return { kind: 'accepted', orderId, replayed: false };
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError)) throw error;
      return withoutWorkflow(context, orderId, message, 'signal');
    }
  });
}
