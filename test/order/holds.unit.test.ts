import { expect, test } from '@jest/globals';
import { LIMITS } from '../../src/order/commands.js';
import { toView } from '../../src/order/view.js';
import { dispatch, hold, note, release, ship, states } from './examples.js';
import { Scenario, given } from './specification.js';

test('a hold has a reason, and can be released', () => {
  const held = given(states.confirmed)
    .when(hold)
    .thenEvents({ type: 'OrderHeld', data: { cause: 'command', reason: 'check the address' } });
  expect(toView(held.order)).toMatchObject({ held: true, holdReason: 'check the address' });
  const released = given(held)
    .when(release)
    .thenEvents({ type: 'OrderReleased', data: { cause: 'command' } });
  expect(toView(released.do(ship(), dispatch()).order)).toMatchObject({ held: false });
});

test('an operator’s hold can be added to a declined capture’s, and a release removes only the former', () => {
  const held = states.captureDeclinedPartly.do(hold);
  expect(held.order.holds.map(({ cause }) => cause)).toEqual(['capture_declined', 'command']);
  expect(held.do(release).order.holds.map(({ cause }) => cause)).toEqual(['capture_declined']);
});

test('notes are kept, up to the latest of a large number', () => {
  given(states.confirmed)
    .when(note)
    .thenEvents({ type: 'NoteAdded', data: { text: 'rings twice' } });
  const many = Array.from({ length: LIMITS.notes + 1 }, (_, index) => ({
    type: 'AddNote' as const,
    data: { text: `note ${index}` },
  }));
  const { notes } = states.confirmed.do(...many).order;
  expect(notes).toHaveLength(LIMITS.notes);
  expect(notes[0]).toMatchObject({ text: 'note 1', actor: 'tester', at: Scenario.empty.now });
});
