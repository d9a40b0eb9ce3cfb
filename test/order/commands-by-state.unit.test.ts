import { describe, expect, test } from '@jest/globals';
import { allowedCommands, blocked } from '../../src/order/allowed.js';
import {
  type FollowUpCommand,
  type FollowUpType,
  followUpTypes,
  segments,
} from '../../src/order/commands.js';
import type { EventType } from '../../src/order/events.js';
import { toView } from '../../src/order/view.js';
import {
  type StateName,
  amend,
  cancel,
  capture,
  deliver,
  dispatch,
  hold,
  label,
  note,
  oneOfA,
  oneOfB,
  receive,
  refund,
  release,
  requestReturn,
  ship,
  states,
  writeOff,
} from './examples.js';
import { eventTypes } from './specification.js';

type Segment = (typeof segments)[FollowUpType];

/** The result of each command: its events, or the reason for its refusal. */
type Row = Readonly<Record<Segment, readonly EventType[] | string>>;

const commands: Readonly<Record<Segment, FollowUpCommand>> = {
  hold,
  release,
  cancel,
  amend: amend({ sku: 'A-1', quantity: 3 }, oneOfB),
  shipments: ship(),
  label: label('s1'),
  dispatch: dispatch('s1'),
  deliver: deliver('s1'),
  capture: capture(),
  'write-off': writeOff,
  returns: requestReturn(oneOfA),
  receive: receive('r1'),
  refunds: refund(1),
  notes: note,
};

// Each row is an earlier one with some changes.
const pending: Row = {
  hold: ['OrderHeld'],
  release: 'the order is not held',
  cancel: ['OrderCancelled'],
  amend: 'the order is not confirmed yet',
  shipments: 'the order is not confirmed yet',
  label: 'the order has no shipment s1',
  dispatch: 'the order has no shipment s1',
  deliver: 'the order has no shipment s1',
  capture: 'no capture was declined',
  'write-off': 'no capture was declined',
  returns: 'nothing delivered is left to return',
  receive: 'the order has no return r1',
  refunds: 'nothing captured is left to refund',
  notes: ['NoteAdded'],
};
const confirmed: Row = { ...pending, amend: ['AmendmentRequested'], shipments: ['ShipmentCreated'] };
const amending: Row = {
  ...confirmed,
  amend: 'an amendment is being secured',
  shipments: 'an amendment is being secured',
};
const readyToDispatch: Row = {
  ...confirmed,
  amend: 'a shipment exists',
  shipments: 'everything is in a shipment',
  label: 'the order has no shipping address',
  dispatch: ['ShipmentDispatched'],
  deliver: 'shipment s1 is created',
};
const allDispatched: Row = {
  ...readyToDispatch,
  hold: 'everything is dispatched',
  cancel: 'everything is dispatched',
  label: 'shipment s1 is dispatched',
  dispatch: 'shipment s1 is dispatched',
  deliver: ['ShipmentDelivered'],
};
const captureDeclined: Row = {
  ...allDispatched,
  release: 'held by a declined capture: capture again, or write it off',
  shipments: 'the order is held',
  capture: ['CaptureRequested'],
  'write-off': ['CaptureWrittenOff', 'OrderReleased'],
};
const partlyDispatched: Row = {
  ...allDispatched,
  hold: ['OrderHeld'],
  cancel: ['OrderCancelled'],
  shipments: ['ShipmentCreated'],
  refunds: ['RefundRequested'],
};
const onItsWay: Row = {
  ...allDispatched,
  deliver: ['ShipmentDelivered', 'OrderCompleted'],
  refunds: ['RefundRequested'],
};
const completed: Row = {
  ...onItsWay,
  hold: 'the order is completed',
  cancel: 'the order is completed',
  amend: 'the order is completed',
  shipments: 'the order is completed',
  label: 'shipment s1 is delivered',
  dispatch: 'shipment s1 is delivered',
  deliver: 'shipment s1 is delivered',
  returns: ['ReturnRequested'],
};
const returning: Row = { ...completed, receive: ['ReturnReceived', 'RefundRequested'] };
const returned: Row = { ...completed, receive: 'return r1 is received' };
const isCancelled = 'the order is cancelled';
const cancelling: Row = {
  ...pending,
  hold: isCancelled,
  release: isCancelled,
  cancel: isCancelled,
  amend: isCancelled,
  shipments: isCancelled,
};
const isClosed = 'the order is closed: it takes no command';
const finished: Row = {
  hold: isClosed,
  release: isClosed,
  cancel: isClosed,
  amend: isClosed,
  shipments: isClosed,
  label: isClosed,
  dispatch: isClosed,
  deliver: isClosed,
  capture: isClosed,
  'write-off': isClosed,
  returns: isClosed,
  receive: isClosed,
  refunds: isClosed,
  notes: isClosed,
};

const table: Readonly<Record<StateName, Row>> = {
  reserving: pending,
  authorizing: pending,
  paymentPending: pending,
  confirmed,
  held: {
    ...confirmed,
    hold: 'the order is held already',
    release: ['OrderReleased'],
    shipments: 'the order is held',
  },
  amendmentReserving: amending,
  amendmentAuthorizing: amending,
  amendmentPaymentPending: amending,
  authorizationExpired: confirmed,
  readyToDispatch,
  heldWithShipment: {
    ...readyToDispatch,
    hold: 'the order is held already',
    release: ['OrderReleased'],
    shipments: 'the order is held',
    label: 'the order is held',
    dispatch: 'the order is held',
  },
  partlyInShipment: { ...readyToDispatch, shipments: ['ShipmentCreated'] },
  labelRequested: { ...readyToDispatch, label: 'the label of shipment s1 is requested already' },
  labelBooked: { ...readyToDispatch, label: 'the label of shipment s1 is booked already' },
  labelRefused: { ...readyToDispatch, label: ['LabelRequested'] },
  deducting: allDispatched,
  capturing: allDispatched,
  captureDeclined,
  captureDeclinedPartly: { ...captureDeclined, hold: ['OrderHeld'], cancel: ['OrderCancelled'] },
  captureRetrying: {
    ...captureDeclined,
    capture: 'no capture was declined',
    'write-off': 'no capture was declined',
  },
  onItsWay,
  partlyDispatched,
  partlyDelivered: {
    ...partlyDispatched,
    cancel: ['OrderCancelled', 'OrderCompleted'],
    label: 'shipment s1 is delivered',
    dispatch: 'shipment s1 is delivered',
    deliver: 'shipment s1 is delivered',
    returns: ['ReturnRequested'],
  },
  remainderCancelled: onItsWay,
  deliveredUnpaid: {
    ...captureDeclined,
    label: 'shipment s1 is delivered',
    dispatch: 'shipment s1 is delivered',
    deliver: 'shipment s1 is delivered',
    'write-off': ['CaptureWrittenOff', 'OrderReleased', 'OrderCompleted'],
    returns: ['ReturnRequested'],
  },
  returningUnpaid: {
    ...captureDeclined,
    label: 'shipment s1 is delivered',
    dispatch: 'shipment s1 is delivered',
    deliver: 'shipment s1 is delivered',
    'write-off': ['CaptureWrittenOff', 'OrderReleased', 'OrderCompleted'],
    returns: ['ReturnRequested'],
    receive: 'a capture is not settled: what goes back depends on it',
  },
  completed,
  returning,
  returned,
  refunded: returned,
  returningPastWindow: { ...returning, returns: 'returns were accepted until 2026-01-31T00:00:00.000Z' },
  closed: finished,
  completedForgotten: completed,
  closedForgotten: finished,
  resumed: confirmed,
  cancelling,
  cancelled: finished,
  rejected: finished,
  declined: finished,
  expired: finished,
  deliveryReported: confirmed,
  deliveryUnmatched: confirmed,
};

describe.each(Object.keys(states) as StateName[])('%s', (name) => {
  const scenario = states[name];
  const { order } = scenario;

  test.each(Object.keys(commands) as Segment[])('%s', (segment) => {
    const command = commands[segment];
    const decision = scenario.judge(command);
    const outcome =
      'refusal' in decision ? decision.refusal.message : eventTypes(scenario.do(command), scenario);
    expect(outcome).toEqual(table[name][segment]);
  });

  test('is in allowedCommands if it is allowed', () => {
    const view = toView(order);
    const shown = [view, ...view.shipments, ...view.returns].flatMap((part) => part.allowedCommands);
    const accepted = (Object.keys(commands) as Segment[]).filter(
      (segment) => typeof table[name][segment] !== 'string',
    );
    // Whether the return window has passed depends on the time, not on the state of the order.
    const stateAllows = name === 'returningPastWindow' ? [...accepted, 'returns'] : accepted;
    expect(new Set(shown)).toEqual(new Set(stateAllows));
  });

  test('every command to the order is either allowed or blocked with a reason', () => {
    const { allowedCommands: allowed, blockedCommands } = allowedCommands(order);
    const ofParts: readonly string[] = ['label', 'dispatch', 'deliver', 'receive'];
    const all = Object.values(segments).filter((segment) => !ofParts.includes(segment));
    expect([...allowed, ...Object.keys(blockedCommands)].toSorted()).toEqual(all.toSorted());
    for (const reason of Object.values(blockedCommands)) expect(reason).toMatch(/\w/);
    const free = followUpTypes
      .filter((type) => blocked(order, type) === undefined)
      .map((type) => segments[type]);
    expect(free).toEqual(expect.arrayContaining([...allowed]));
  });
});
