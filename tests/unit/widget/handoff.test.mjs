// Who has the conversation, and which buttons still count; test_widget_scripts.py runs this with Node's own runner.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { buttons, hasLine, standing } from '../../../server/widget/assets/handoff.js';

const told = (status, values = {}, choices = []) => ({ kind: 'status', author: 'system', status, values, choices });
const pressed = (action, value = '', text = '') => ({ kind: 'acted', author: 'visitor', action, value, text });
const OFFER = told('offer', {}, [{ action: 'answer_offer', value: 'yes' }, { action: 'answer_offer', value: 'no' }]);
const QUEUED = told('queued', { position: '2' }, [{ action: 'wait', value: 'ask_bot' }, { action: 'cancel', value: 'cancel' }]);

test('the assistant has the conversation until the visitor is told otherwise', () => {
  assert.deepEqual(standing([OFFER]), { who: 'bot', name: '', asksBot: false, ended: false });
  assert.equal(standing([OFFER, QUEUED]).who, 'queue');
  assert.deepEqual(standing([QUEUED, told('joined', { name: 'Ana' })]), { who: 'person', name: 'Ana', asksBot: false, ended: false });
});

test('a person who asks a colleague still has the conversation', () => {
  const now = standing([told('joined', { name: 'Ana' }), told('transferring', { agent: 'Ana', name: 'Ben' })]);
  assert.deepEqual([now.who, now.name], ['person', 'Ana']);
});

test('the assistant is back, or the chat is over, when the visitor is told so', () => {
  const joined = told('joined', { name: 'Ana' });
  assert.equal(standing([joined, told('back_with_bot')]).who, 'bot');
  assert.equal(standing([joined, told('closed')]).ended, true);
  assert.equal(standing([joined, told('lost_agent', { name: 'Ana' })]).who, 'queue');
});

test('who asks the assistant while waiting keeps doing so when the position changes', () => {
  assert.equal(standing([QUEUED, told('asking_bot'), told('position')]).asksBot, true);
  assert.equal(standing([QUEUED, told('asking_bot'), told('joined', { name: 'Ana' })]).asksBot, false);
});

test('of several positions in a row only the newest is a line', () => {
  assert.equal(hasLine(told('position'), told('position')), false);
  assert.equal(hasLine(told('position'), told('joined')), true);
  assert.equal(hasLine(QUEUED, told('position')), true);
});

test('a button is a line of its own only where it says something', () => {
  assert.equal(hasLine(pressed('human', '', 'Talk to a person')), true);
  for (const action of ['feedback', 'rate', 'end', 'cancel', 'answer_offer', 'wait']) assert.equal(hasLine(pressed(action)), false);
  assert.ok(hasLine(pressed('leave_message', 'a@b.c', 'a@b.c')));
});

test('what was pressed shows on the button and closes the others', () => {
  assert.deepEqual(buttons(OFFER, [pressed('answer_offer', 'no')]), { taken: 'no', open: false });
  assert.deepEqual(buttons(QUEUED, [pressed('cancel')]), { taken: 'cancel', open: false });
  assert.deepEqual(buttons(OFFER, []), { taken: '', open: true });
});

test('a message in between leaves an offer open, a person who joined closes it', () => {
  const spoke = { kind: 'spoke', author: 'visitor', text: 'hm' };
  assert.equal(buttons(OFFER, [spoke]).open, true);
  assert.equal(buttons(QUEUED, [told('position')]).open, true);
  assert.equal(buttons(QUEUED, [told('joined', { name: 'Ana' })]).open, false);
});
