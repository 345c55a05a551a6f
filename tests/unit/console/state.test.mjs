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

test('what the visitor said last is asked only until somebody answers', () => {
  const event = (seq, author, kind, more) => ({ id: `e${seq}${more?.audience}`, seq, author, kind, text: 'x', ...more });
  const asked = [event(1, 'visitor', 'spoke'), event(2, 'visitor', 'spoke')];
  assert.equal(S.askedLast(asked), 2);
  assert.equal(S.askedLast([...asked, event(3, 'system', 'status'), event(1, 'agent:ana', 'noted', { audience: 'internal' })]), 2);
  assert.equal(S.askedLast([...asked, event(3, 'visitor', 'spoke', { text: '' })]), 2); // a picture
  assert.equal(S.askedLast([...asked, event(3, 'agent:ana', 'spoke')]), 0);
  assert.equal(S.askedLast([...asked, event(3, 'bot', 'replied')]), 0);
  assert.equal(S.askedLast([]), 0);
});

test('nothing is kept of what was erased, in the open conversation and in others', () => {
  let state = { ...signed(), selected: 'c1' };
  for (const conversation of ['c1', 'c2']) state = S.followed(state, { conversation, recovered: false, events: [said(1)] });
  state = S.wrote(state, 'c1', { id: 'p', text: 'about them' });
  state = S.erased(S.erased(state, 'c1'), 'c2');
  assert.deepEqual(state.threads.get('c1'), S.thread());
  assert.equal(state.threads.has('c2'), false);
  assert.deepEqual([...state.erased], [['c1', 1], ['c2', 1]]);
  assert.equal(S.erased(state, 'c1').erased.get('c1'), 2);
});

const page = (from, to, total, values) => ({ total, items: Array.from({ length: to - from }, (_, at) => row({ conversation: `c${from + at}`, ...values })) });

test('a list is read in parts, and rows that moved between them are not there twice', () => {
  let state = S.listed(signed(), 'all', page(0, 3, 7));
  state = S.listed(state, 'all', page(2, 5, 7), { more: true });
  assert.deepEqual(S.rows(state, 'all').map((each) => each.conversation), ['c0', 'c1', 'c2', 'c3', 'c4']);
  assert.equal(state.lists.get('all').read, 6);
  state = S.listed(state, 'all', page(6, 6, 7), { more: true }); // it became shorter meanwhile: there is no more
  assert.equal(state.lists.get('all').total, 6);
  state = S.listed(state, 'all', page(1, 3, 2));
  assert.deepEqual(state.lists.get('all').ids, ['c1', 'c2']);
});

test('a filter lets through what says so here, and what the server found by other words', () => {
  const texts = (each) => [each.conversation, each.last_text];
  let state = S.listed(signed(), 'all', page(0, 3, 9));
  state = S.caseChanged(state, row({ conversation: 'c1', seq: 6, last_text: 'My Parcel' }));
  assert.deepEqual(S.filtered(state, 'all', ' parcel', texts).map((each) => each.conversation), ['c1']);
  state = S.found(state, 'all', 'parcel', page(2, 3, 1));
  state = S.found(state, 'all', 'parcel', { total: 2, items: [row({ conversation: 'c2' }), row({ conversation: 'c8' })] });
  assert.deepEqual(S.filtered(state, 'all', 'parcel', texts).map((each) => each.conversation), ['c1', 'c2', 'c8']);
  assert.deepEqual(S.filtered(state, 'all', 'parce', texts).map((each) => each.conversation), ['c1']); // found for other words
  assert.equal(S.filtered(state, 'all', '', texts).length, 3);
});

test('ten thousand rows at once are taken over in one go, and counted once', () => {
  const began = performance.now();
  const state = S.listed(signed(), 'all', page(0, 10_000, 10_000));
  assert.equal(S.counts(state).mine, 10_000);
  assert.ok(performance.now() - began < 500);
  assert.equal(S.counts({ ...state, selected: 'c1' }), S.counts(state));
  assert.equal(S.counts(S.caseChanged(state, row({ conversation: 'c1', epoch: 9, state: 'closed' }))).mine, 9_999);
});

test('the queue stands in the order in which it is served, and behind it who is to be answered later', () => {
  let state = signed();
  const waits = { state: 'queued', owner: '', priority: 0 };
  for (const [conversation, values] of Object.entries({
    later: { state: 'offline_form', owner: 'bot', since: 1 },
    first: { ...waits, enqueued_at: 10 },
    had: { ...waits, enqueued_at: 90, front: true },
    urgent: { ...waits, enqueued_at: 95, priority: 1 },
  })) state = S.caseChanged(state, row({ conversation, ...values }));
  assert.deepEqual(S.rows(state, 'queue').map((each) => each.conversation), ['urgent', 'had', 'first', 'later']);
  assert.equal(S.counts(state).queue, 3);
});

test('what rang before the page was loaded rings again until its time is over', () => {
  const rings = row({ state: 'ringing', owner: '', offered_to: 'ana', asks_until: 5_000 });
  const state = S.welcomed(signed(), { cases: [rings, row({ conversation: 'c2' })] });
  assert.deepEqual([...state.rings], [['c1', 5_000]]);
});

test('what is passed on to a department rings for all who are in it but the one who passes it on', () => {
  const passed = row({ state: 'transferring', owner: 'agent:ben', transfer_to: 'department:general', asks_until: 5_000 });
  const member = { ...signed(), me: { ...ANA, departments: ['general'] } };
  const changed = S.caseChanged(S.welcomed(member, { cases: [passed] }), { ...passed, changed: 99, seq: 99 });
  assert.deepEqual([...changed.rings], [['c1', 5_000]]);
  for (const me of [{ ...ANA, departments: ['other'] }, { ...ANA, id: 'ben', departments: ['general'] }])
    assert.equal(S.welcomed({ ...signed(), me }, { cases: [passed] }).rings.size, 0);
});

test('of a conversation only the newest that is told is shown', () => {
  let state = S.told(signed(), { id: 1, text: 'waits', conversation: 'c1' });
  state = S.told(state, { id: 2, text: 'saved', conversation: '' });
  state = S.told(state, { id: 3, text: 'yours', conversation: 'c1' });
  assert.deepEqual(state.toasts.map((each) => each.id), [2, 3]);
});
