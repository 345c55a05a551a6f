// What the console knows, and how events change it; test_console_scripts.py runs this with Node's own runner.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as S from '../../../server/console/static/state.js';

const ANA = { id: 'ana', name: 'Ana', role: 'agent' };
const signed = () => S.signedIn(S.blank(), { agent: ANA, agents: [{ ...ANA, load: 0 }] });
const row = (values = {}) => ({ conversation: 'c1', state: 'active', owner: 'agent:ana', epoch: 2, seq: 5, read_seq: 0, last_at: 100, last_author: 'visitor', ...values });
const said = (seq, values = {}) => ({ seq, id: `p${seq}`, kind: 'spoke', author: 'visitor', ...values });
const noted = (seq, after) => ({ seq, after, id: `i${seq}`, kind: 'noted', audience: 'internal', author: 'agent:ana' });
const order = (state) => state.threads.get('c1').events.map((event) => event.id);

test('a note stands behind the line that it followed, and two notes in their own order', () => {
  const state = S.followed(signed(), { conversation: 'c1', recovered: false, events: [said(2), noted(2, 1), said(1), noted(1, 1)] });
  assert.deepEqual(order(state), ['p1', 'i1', 'i2', 'p2']);
});

test('a draft that was begun elsewhere comes with the conversation', () => {
  const state = S.followed(signed(), { conversation: 'c1', events: [], draft: 'Dear' });
  assert.equal(state.threads.get('c1').draft, 'Dear');
});

test('colleagues are known from the welcome on', () => {
  const state = S.welcomed(signed(), { presence: 'away', agents: [{ id: 'ben', name: 'Ben', presence: 'busy' }] });
  assert.equal(state.agents.get('ben').presence, 'busy');
  assert.equal(state.me.presence, 'away');
});

test('an event that comes twice is shown once', () => {
  let state = S.followed(signed(), { conversation: 'c1', events: [said(1)] });
  state = S.happened(state, 'c1', said(2));
  state = S.happened(state, 'c1', said(2));
  assert.deepEqual(order(state), ['p1', 'p2']);
});

test('after a reconnect the missed lines are added, and the numbers of both kinds go on', () => {
  let state = S.followed(signed(), { conversation: 'c1', recovered: false, events: [said(1), noted(1, 1)] });
  state = S.followed(state, { conversation: 'c1', recovered: true, events: [said(2), noted(2, 2)] });
  assert.deepEqual(order(state), ['p1', 'i1', 'p2', 'i2']);
  const { lastSeq, lastInternal } = state.threads.get('c1');
  assert.deepEqual([lastSeq, lastInternal], [2, 2]);
});

test('a fresh start replaces what was held', () => {
  let state = S.followed(signed(), { conversation: 'c1', recovered: false, events: [said(1)] });
  state = S.followed(state, { conversation: 'c1', recovered: false, events: [said(90), said(91)] });
  assert.deepEqual(order(state), ['p90', 'p91']);
  assert.equal(state.threads.get('c1').more, true);
});

test('an older row never replaces a newer one, whichever way it comes', () => {
  let state = S.caseChanged(signed(), row({ epoch: 3, state: 'on_hold' }));
  state = S.listed(state, 'all', { items: [row({ epoch: 2, seq: 9 })], total: 1 });
  assert.equal(state.cases.get('c1').state, 'on_hold');
});

test('a chat stops ringing when a colleague has it', () => {
  let state = S.rang(signed(), { conversation: 'c1', case: row({ state: 'ringing', owner: '', offered_to: 'ana' }), until: 9 });
  assert.equal(state.rings.get('c1'), 9);
  state = S.caseChanged(state, row({ epoch: 3, owner: 'agent:ben' }));
  assert.equal(state.rings.size, 0);
});

test('what a colleague would hand over is mine to answer, and rings until it is answered', () => {
  const asked = row({ state: 'transferring', owner: 'agent:ben', transfer_to: 'agent:ana' });
  let state = S.rang(signed(), { conversation: 'c1', case: asked, until: 9 });
  assert.equal(state.rings.size, 1);
  assert.equal(S.rows(state, 'mine').length, 1);
  state = S.caseChanged(state, row({ epoch: 3, owner: 'agent:ben', transfer_to: '' }));
  assert.equal(state.rings.size, 0);
  assert.equal(S.rows(state, 'mine').length, 0);
});

test('the queue shows who has priority first, then who waits longest', () => {
  let state = signed();
  for (const [id, priority, at] of [['late', 0, 30], ['early', 0, 10], ['urgent', 1, 40]]) {
    state = S.caseChanged(state, row({ conversation: id, state: 'queued', owner: '', priority, enqueued_at: at }));
  }
  assert.deepEqual(S.rows(state, 'queue').map((each) => each.conversation), ['urgent', 'early', 'late']);
});

test('who waits for an answer comes first, and reading a chat does not move it', () => {
  let state = signed();
  state = S.caseChanged(state, row({ conversation: 'answered', last_author: 'agent:ana', last_at: 300 }));
  state = S.caseChanged(state, row({ conversation: 'new', last_at: 200 }));
  state = S.caseChanged(state, row({ conversation: 'old', last_at: 100 }));
  const before = S.rows(state, 'mine').map((each) => each.conversation);
  assert.deepEqual(before, ['old', 'new', 'answered']);
  state = S.caseChanged(state, row({ conversation: 'old', last_at: 100, read_seq: 5 }));
  assert.deepEqual(S.rows(state, 'mine').map((each) => each.conversation), before);
  assert.deepEqual(S.counts(state), { mine: 3, unread: 1, queue: 0 });
});

test('what was written here is shown until its event comes, and kept with a reason when it was refused', () => {
  let state = S.wrote(signed(), 'c1', { id: 'm1', text: 'hello' });
  state = S.wrote(state, 'c1', { id: 'm2', text: 'again' });
  state = S.marked(state, 'c1', 'm2', 'no');
  state = S.happened(state, 'c1', said(1, { author: 'agent:ana', client_msg_id: 'm1' }));
  assert.deepEqual(state.threads.get('c1').pending.map(({ id, failed }) => [id, failed]), [['m2', 'no']]);
});

test('typing ends with the message, or after a while', () => {
  let state = S.followed(signed(), { conversation: 'c1', events: [] });
  state = S.typed(state, 'c1', { author: 'visitor', on: true, text: 'I wan' }, 1_000);
  assert.equal(state.threads.get('c1').typing.get('visitor').text, 'I wan');
  assert.equal(S.rested(state, 60_000).threads.get('c1').typing.size, 0);
  assert.equal(S.happened(state, 'c1', said(1)).threads.get('c1').typing.size, 0);
});

test("the assistant's words disappear when they are taken back", () => {
  let state = S.followed(signed(), { conversation: 'c1', events: [] });
  state = S.worded(S.worded(state, 'c1', { text: 'You ' }), 'c1', { text: 'can' });
  assert.equal(state.threads.get('c1').chunk, 'You can');
  assert.equal(S.worded(state, 'c1', { aborted: true }).threads.get('c1').chunk, '');
});

test('a conversation that is not open is not kept in memory', () => {
  assert.equal(S.happened(signed(), 'c9', said(1)).threads.size, 0);
});

test('ten thousand rows are sorted within a second', () => {
  const state = signed();
  state.cases = new Map(Array.from({ length: 10_000 }, (_, at) => [`c${at}`, row({ conversation: `c${at}`, last_at: (at * 7919) % 10_007 })]));
  const began = performance.now();
  assert.equal(S.rows(state, 'mine').length, 10_000);
  assert.ok(performance.now() - began < 1_000);
});
