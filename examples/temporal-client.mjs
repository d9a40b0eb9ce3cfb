/*
 * Starts an order's workflow and sends it commands with the Temporal client alone, without the API.
 * A service that has access to Temporal can send commands in this way. A create needs no MongoDB,
 * no API and no worker.
 *
 *     node examples/temporal-client.mjs
 *
 * `TEMPORAL_ADDRESS`, `TEMPORAL_NAMESPACE` and `TEMPORAL_TASK_QUEUE` are those of the system.
 *
 * The personal data in these commands is stored in Temporal in plain text. The API would first seal
 * it under a key of its customer (docs/personal-data.md), but this client does not.
 * Commands with personal data should be sent through the API.
 */
import { createHash, randomUUID } from 'node:crypto';
import process from 'node:process';
import {
  Client,
  Connection,
  WorkflowExecutionAlreadyStartedError,
  WorkflowUpdateFailedError,
} from '@temporalio/client';
import { ApplicationFailure, defineSearchAttributeKey } from '@temporalio/common';

/**
 * @typedef {import('../src/order/commands.js').CommandData} CommandData
 * @typedef {import('../src/order/commands.js').FollowUpType} FollowUpType
 * @typedef {import('../src/order-log.js').Answer} Answer
 * @typedef {import('../src/order-log.js').NewOrder} NewOrder
 * @typedef {import('../src/order-log.js').OrderState} OrderState
 * @typedef {import('../src/log/workflow/messages.js').RefusedUpdate} RefusedUpdate
 */
/**
 * @template D
 * @typedef {import('../src/log/workflow/messages.js').Message<D>} Message
 */

const {
  TEMPORAL_ADDRESS: address = '127.0.0.1:7233',
  TEMPORAL_NAMESPACE: namespace = 'default',
  TEMPORAL_TASK_QUEUE: taskQueue = 'orders',
} = process.env;
const DAY_MS = 86_400_000;
/** Who issues the commands. A key belongs to its issuer. */
const issuer = 'temporal-example';

/**
 * @template D
 * @param {string} type
 * @param {string} orderId
 * @param {string} key the same for each try of one command
 * @param {D} data
 * @returns {Message<D>}
 */
function messageTo(type, orderId, key, data) {
  return {
    data,
    commandId: `${issuer} ${key}`,
    // Detects a key that is reused with another body; any stable hash of the body works.
    hash: createHash('sha256').update(JSON.stringify({ type, orderId, data })).digest('hex').slice(0, 16),
    correlationId: randomUUID(),
    actor: issuer,
    // New for each attempt: an answer that has another id was made for an earlier attempt.
    requestId: randomUUID(),
  };
}

/**
 * Starts the order. The workflow's start argument is the create command, so the order is durable
 * when this returns.
 *
 * @param {Client} client
 * @param {string} orderId
 * @param {string} key
 */
async function create(client, orderId, key) {
  /** @type {CommandData['CreateOrder']} */
  const data = {
    customer: { id: 'c-1', name: 'Ada Example' },
    currency: 'EUR',
    lines: [{ sku: 'A-1', quantity: 2, unitPrice: 1999 }],
    payment: { method: 'tok_ok' },
    terms: { paymentDeadline: DAY_MS, returnWindow: 30 * DAY_MS, authorizationTtl: 7 * DAY_MS },
    // This is `RULES_TODAY` of src/order/rules.ts.
    rules: 2,
  };
  const message = messageTo('CreateOrder', orderId, key, data);
  /** @type {NewOrder} */
  const newOrder = { orderId, create: message };
  try {
    await client.workflow.start('order', {
      workflowId: `order-${orderId}`,
      taskQueue,
      args: [newOrder],
      // By default, Temporal would start an order again that has ended.
      workflowIdReusePolicy: 'REJECT_DUPLICATE',
      // Lists and the Web UI show these.
      typedSearchAttributes: [
        { key: defineSearchAttributeKey('OrderStatus', 'KEYWORD'), value: 'pending' },
        { key: defineSearchAttributeKey('CustomerId', 'KEYWORD'), value: data.customer.id },
      ],
      // The API compares these with a later create, to tell whether it is a repetition.
      memo: { hash: message.hash, commandId: message.commandId },
    });
  } catch (error) {
    // An earlier try has started the order.
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
}

/**
 * Sends a command as the update with the command's name, and waits for the answer.
 *
 * @template {FollowUpType} T
 * @param {Client} client
 * @param {string} orderId
 * @param {string} key
 * @param {T} type
 * @param {CommandData[T]} data
 * @returns {Promise<Answer>}
 */
async function send(client, orderId, key, type, data) {
  const message = messageTo(type, orderId, key, data);
  const workflow = client.workflow.getHandle(`order-${orderId}`);
  return await workflow.executeUpdate(type, {
    args: [message],
    updateId: `${message.commandId}.${message.hash}`,
  });
}

/**
 * Waits until the order can be shipped: its stock is reserved and its payment is authorized.
 *
 * @param {Client} client
 * @param {string} orderId
 */
async function untilConfirmed(client, orderId) {
  for (;;) {
    /** @type {OrderState} */
    const { order } = await client.workflow.getHandle(`order-${orderId}`).query('state');
    if (order.status !== 'pending') return order.status;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const connection = await Connection.connect({ address });
try {
  const client = new Client({ connection, namespace });
  const orderId = randomUUID();
  const createKey = randomUUID();
  await create(client, orderId, createKey);
  await create(client, orderId, createKey);
  console.log(`created ${orderId}, once`);
  console.log(await untilConfirmed(client, orderId));

  const shipKey = randomUUID();
  const shipped = await send(client, orderId, shipKey, 'CreateShipment', {});
  console.log(`shipment ${shipped.shipmentId} at version ${shipped.version}`);
  const again = await send(client, orderId, shipKey, 'CreateShipment', {});
  console.log(`same key, same answer: version ${again.version}`);

  await send(client, orderId, randomUUID(), 'ReleaseOrder', {}).catch((error) => {
    // The validator refuses a command that the order does not allow. Then nothing was changed.
    if (!(error instanceof WorkflowUpdateFailedError) || !(error.cause instanceof ApplicationFailure))
      throw error;
    const refused = /** @type {RefusedUpdate | undefined} */ (error.cause.details?.[0]);
    console.log(`refused: ${refused?.refusal.message}`);
  });
} finally {
  await connection.close();
}
