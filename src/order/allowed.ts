import {
  type FollowUpType,
  followUpTypes,
  LIMITS,
  partOf,
  type ReturnCommandType,
  segments,
  type ShipmentCommandType,
} from './commands.js';
import {
  type Label,
  type Order,
  type Return,
  type Shipment,
  isDead,
  isFinished,
  isUnpaid,
  refundable,
  sum,
  unallocated,
  undispatched,
} from './order.js';

/**
 * For each command, why the order does not allow it now; `undefined` if the order allows it.
 * `decide` refuses a command for this reason, and the order's view shows it in `blockedCommands`.
 */
const reasonsAgainst: Readonly<Record<FollowUpType, (order: Order) => string | undefined>> = {
  HoldOrder: (order) =>
    first(
      notOpen(order),
      isHeldBy(order, 'command') && 'the order is held already',
      !isAnythingUndispatched(order) && 'everything is dispatched',
    ),
  ReleaseOrder: (order) =>
    first(
      isDead(order) && `the order is ${order.status}`,
      order.holds.length === 0 && 'the order is not held',
      !isHeldBy(order, 'command') && 'held by a declined capture: capture again, or write it off',
    ),
  CancelOrder: (order) => first(notOpen(order), !isAnythingUndispatched(order) && 'everything is dispatched'),
  AmendOrder: (order) =>
    first(
      notConfirmed(order),
      order.amendment !== undefined && 'an amendment is being secured',
      order.shipments.length > 0 && 'a shipment exists',
    ),
  CreateShipment: (order) =>
    first(
      notShippable(order),
      !order.lines.some((line) => unallocated(line) > 0) && 'everything is in a shipment',
      tooMany(order.shipments, 'shipments'),
      tooManyLines(order),
    ),
  RequestLabel: (order) =>
    first(
      notShippable(order),
      order.shippingAddress === undefined && 'the order has no shipping address',
      !order.shipments.some((entry) => entry.status === 'created' && !hasLabel(entry)) &&
        'no shipment waits for a label',
    ),
  DispatchShipment: (order) =>
    first(
      notShippable(order),
      !order.shipments.some((entry) => entry.status === 'created') && 'no shipment waits for dispatch',
    ),
  DeliverShipment: (order) =>
    order.shipments.some((entry) => entry.status === 'dispatched') ? undefined : 'no shipment is on its way',
  CapturePayment: noDeclinedCapture,
  WriteOffCapture: noDeclinedCapture,
  RequestReturn: (order) =>
    first(
      order.closed && 'the return window has passed',
      !order.lines.some((line) => line.delivered > line.returned) && 'nothing delivered is left to return',
      tooMany(order.returns, 'returns'),
      tooManyLines(order),
    ),
  ReceiveReturn: (order) =>
    first(
      !order.returns.some((entry) => entry.status === 'requested') && 'no return is on its way',
      order.shipments.some(isUnpaid) && 'a capture is not settled: what goes back depends on it',
    ),
  RefundPayment: (order) =>
    first(refundable(order) === 0 && 'nothing captured is left to refund', tooMany(order.refunds, 'refunds')),
  AddNote: () => undefined,
};

/** The reason why the command is not allowed now; `undefined` if it is allowed. */
export function blocked(order: Order, type: FollowUpType): string | undefined {
  return first(reasonsAgainst[type](order), isFinished(order) && 'the order is closed');
}

/** For each command to a shipment, the status that the shipment must have. */
const shipmentStatus: Readonly<Record<ShipmentCommandType, Shipment['status']>> = {
  RequestLabel: 'created',
  DispatchShipment: 'created',
  DeliverShipment: 'dispatched',
};
const returnStatus: Readonly<Record<ReturnCommandType, Return['status']>> = { ReceiveReturn: 'requested' };

/** Like `blocked`, for a command to one shipment. */
export function blockedForShipment(
  order: Order,
  shipment: Shipment,
  type: ShipmentCommandType,
): string | undefined {
  return first(
    shipment.status !== shipmentStatus[type] && `shipment ${shipment.shipmentId} is ${shipment.status}`,
    type === 'RequestLabel' &&
      hasLabel(shipment) &&
      `the label of shipment ${shipment.shipmentId} is ${shipment.label.status} already`,
    blocked(order, type),
  );
}

/** Like `blocked`, for a command to one return. */
export function blockedForReturn(
  order: Order,
  { returnId, status }: Return,
  type: ReturnCommandType,
): string | undefined {
  return first(status !== returnStatus[type] && `return ${returnId} is ${status}`, blocked(order, type));
}

export interface Allowed {
  /** by their path segments in the HTTP API */
  readonly allowedCommands: readonly string[];
  /** from path segment to reason */
  readonly blockedCommands: Readonly<Record<string, string>>;
}

/**
 * The commands to the whole order. Each shipment and each return lists its own commands (`toView`).
 */
export function allowedCommands(order: Order): Allowed {
  const allowed: string[] = [];
  const reasons: Record<string, string> = {};
  for (const type of followUpTypes) {
    if (partOf(type) !== undefined) continue;
    const reason = blocked(order, type);
    if (reason === undefined) allowed.push(segments[type]);
    else reasons[segments[type]] = reason;
  }
  return { allowedCommands: allowed, blockedCommands: reasons };
}

/** The first reason that applies. */
function first(...reasons: readonly (string | false | undefined)[]): string | undefined {
  return reasons.find((reason): reason is string => typeof reason === 'string');
}

function notOpen({ status }: Order): string | false {
  return status !== 'pending' && status !== 'confirmed' && `the order is ${status}`;
}

function notConfirmed({ status }: Order): string | false {
  return (
    status !== 'confirmed' &&
    (status === 'pending' ? 'the order is not confirmed yet' : `the order is ${status}`)
  );
}

function notShippable(order: Order): string | undefined {
  return first(
    notConfirmed(order),
    order.holds.length > 0 && 'the order is held',
    order.amendment !== undefined && 'an amendment is being secured',
  );
}

function noDeclinedCapture(order: Order): string | undefined {
  const isDeclined = order.shipments.some((entry) => entry.charge?.status === 'declined');
  return isDeclined ? undefined : 'no capture was declined';
}

/**
 * Why the order takes no more of these parts; false if it does. Their number is bounded, because
 * continue-as-new hands the whole order to the next run.
 */
function tooMany(parts: readonly unknown[], name: 'shipments' | 'returns' | 'refunds'): string | false {
  return parts.length >= LIMITS[name] && `the order has ${parts.length} ${name}: it takes no more`;
}

function tooManyLines({ shipments, returns }: Order): string | false {
  const lines = sum([...shipments, ...returns], (part) => part.lines.length);
  return lines >= LIMITS.partLines && `its shipments and returns have ${lines} lines: it takes no more`;
}

/** Whether a label is requested or booked. After a refusal, another one may be requested. */
function hasLabel(shipment: Shipment): shipment is Shipment & { readonly label: Label } {
  return shipment.label !== undefined && shipment.label.status !== 'refused';
}

function isHeldBy(order: Order, cause: Order['holds'][number]['cause']): boolean {
  return order.holds.some((hold) => hold.cause === cause);
}

function isAnythingUndispatched(order: Order): boolean {
  return order.lines.some((line) => undispatched(line) > 0);
}
