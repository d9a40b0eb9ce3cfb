import type { TSchema } from 'typebox';
import { isReserved, isSystemName } from '../../access/actors.js';
import { bodyParts } from '../../api/commands/body-parts.js';
import type { CommandMeta, OrderBody } from '../../api/commands/gateway/gateway.js';
import { commands } from '../../api/commands/table.js';
import { HttpProblem } from '../../api/problem.js';
import { closed, Id, Key } from '../../api/schemas/values.js';
import { validatorCompiler } from '../../api/requests/validation.js';
import { type FollowUpCommand, type FollowUpType, partOf } from '../../order/commands.js';
import { exitCodes, Failure, usageFailure } from './script.js';

/**
 * Checks input against the schemas of the HTTP API. A script refuses what the API answers with 400,
 * in the same words. Every function throws a `Failure` for invalid input.
 */

/** A new order, and its id if one was given. */
export function newOrder(given: unknown): { readonly id?: string; readonly body: OrderBody } {
  check(commands.CreateOrder.body(bodyParts), given);
  // The line above checked the shape.
  const { id, ...body } = given as OrderBody & { readonly id?: string };
  return { ...(id === undefined ? {} : { id }), body };
}

/**
 * A command to an existing order. Whether it is allowed depends on the order's state, so it is not
 * checked here.
 */
export function followUp(
  orderId: string,
  type: FollowUpType,
  data: Readonly<Record<string, unknown>>,
): FollowUpCommand {
  const part = partOf(type);
  const partId = part === undefined ? [] : [`${part}Id`];
  const body = Object.entries(data).filter(([name]) => !partId.includes(name));
  checkEach(Id, { orderId, ...Object.fromEntries(partId.map((name) => [name, data[name]])) });
  check(commands[type].body(bodyParts), Object.fromEntries(body));
  // The lines above checked the shape.
  return { type, data } as FollowUpCommand;
}

/** Checks the key and the names of who sends a command, which the HTTP API takes as headers. */
export function checkSender({ key, actor, onBehalfOf }: CommandMeta): void {
  checkEach(Key, { key, actor, ...(onBehalfOf === undefined ? {} : { onBehalfOf }) });
  const isOwn = /^temporal:/i.test(actor);
  if ((isReserved(actor) && !isOwn) || (onBehalfOf !== undefined && isSystemName(onBehalfOf)))
    throw usageFailure('only the system, or a key, gives such a name: choose another for --actor');
}

function checkEach(schema: TSchema, values: Readonly<Record<string, unknown>>): void {
  check(closed(Object.fromEntries(Object.keys(values).map((name) => [name, schema]))), values);
}

function check(schema: TSchema, value: unknown): void {
  try {
    validatorCompiler({ schema, method: 'POST', url: '', httpPart: 'body' })(value);
  } catch (error) {
    if (!(error instanceof HttpProblem)) throw error;
    const { errors = [] } = error.members;
    const message = errors.map(({ pointer, detail }) => `${pointer || 'the body'} ${detail}`).join('; ');
    throw new Failure(exitCodes.usage, { code: error.code, message: message || error.message });
  }
}
