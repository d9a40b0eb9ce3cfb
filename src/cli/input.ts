import type { TSchema } from 'typebox';
import {
  AddNote,
  AmendOrder,
  CapturePayment,
  CreateOrder,
  CreateShipment,
  DispatchShipment,
  Nothing,
  Reason,
  RefundPayment,
  RequestReturn,
} from '../api/commands/schemas.js';
import type { OrderBody } from '../api/commands/gateway.js';
import type { FollowUpCommand, FollowUpType } from '../order/commands.js';
import { HttpProblem } from '../api/problem.js';
import { closed, Id, Key } from '../api/schemas.js';
import { validatorCompiler } from '../api/validation.js';
import { exitCodes, Failure, usageFailure } from './failure.js';

/** The schemas are those of the HTTP API: what it answers with 400 ends a script with the same words. */

const bodies: Readonly<Record<FollowUpType, TSchema>> = {
  HoldOrder: Reason,
  ReleaseOrder: Nothing,
  CancelOrder: Reason,
  AmendOrder,
  CreateShipment,
  DispatchShipment,
  DeliverShipment: Nothing,
  CapturePayment,
  WriteOffCapture: Reason,
  RequestReturn,
  ReceiveReturn: Nothing,
  RefundPayment,
  AddNote,
};

/** A new order as it was typed or read from a file, and the id it shall have, if any. Throws a `Failure`. */
export function newOrder(given: unknown): { readonly id?: string; readonly body: OrderBody } {
  check(CreateOrder, given);
  // The shape was checked just now.
  const { id, ...body } = given as OrderBody & { readonly id?: string };
  return { ...(id === undefined ? {} : { id }), body };
}

/**
 * A file's, or standard input's, text: UTF-8, with or without a byte order mark.
 *
 * @param source as it is named to a person
 * @throws Failure where it is not UTF-8: what was meant is not guessed
 */
export function textOf(bytes: Uint8Array, source: string): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw usageFailure(`${source} is not UTF-8: save it as Unicode in UTF-8`);
  }
}

/** Leaves a byte order mark out. */
const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Throws a `Failure` for a command, or the id of an order, that no state would allow. */
export function checkCommand(orderId: string, { type, data }: FollowUpCommand): void {
  const { shipmentId, returnId, ...body } = { shipmentId: undefined, returnId: undefined, ...data };
  checkIds({
    orderId,
    ...(shipmentId === undefined ? {} : { shipmentId }),
    ...(returnId === undefined ? {} : { returnId }),
  });
  check(bodies[type], body);
}

function checkIds(ids: Readonly<Record<string, string>>): void {
  check(closed(Object.fromEntries(Object.keys(ids).map((name) => [name, Id]))), ids);
}

/** What goes with a command as a header does. */
export function checkKeys(keys: Readonly<Record<string, string>>): void {
  check(closed(Object.fromEntries(Object.keys(keys).map((name) => [name, Key]))), keys);
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
