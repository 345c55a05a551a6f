// Unit tests of the protocol client; test_widget_scripts.py runs them with Node's own runner.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Client, comesBack, memoryStorage } from '../../../server/widget/assets/client.js';
import { Clock } from './clock.mjs';

class Socket {
  sent = [];
  closed = false;

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close() {
    this.closed = true;
  }

  last(type) {
    return this.sent.filter((frame) => frame.type === type).at(-1);
  }

  give(frame) {
    this.onmessage({ data: JSON.stringify(frame) });
  }

  end(code) {
    this.onclose({ code });
  }

  welcome(more = {}) {
    this.onopen();
    this.give({ type: 'welcome', session: 's', conversation: 'c1', token: 't1', recovered: false, last_seq: 0, ...more });
    return this;
  }

  ack(say, seq) {
    this.give({ type: 'ack', client_msg_id: say.client_msg_id, seq, id: `e${seq}`, at: 1 });
  }
}

function event(seq, more = {}) {
  return { type: 'event', seq, id: `e${seq}`, kind: 'replied', author: 'bot', at: 1, turn: 1, text: `text ${seq}`, ...more };
}

function mine(seq, say) {
  return event(seq, { kind: 'spoke', author: 'visitor', text: say.text, client_msg_id: say.client_msg_id });
}

function visitor(more = {}) {
  const clock = new Clock();
  const sockets = [];
  const client = new Client({
    url: 'ws://host/v1/ws',
    httpUrl: '', // of other ways than a WebSocket tells transports.test.mjs
    key: 'wk_1',
    storage: memoryStorage(),
    timers: clock,
    now: () => clock.now,
    random: () => 1,
    openSocket: (url, protocols) => {
      sockets.push(Object.assign(new Socket(), { url, protocols }));
      return sockets.at(-1);
    },
    ...more,
  });
  return { client, clock, sockets, get socket() { return sockets.at(-1); } };
}

function online(more = {}) {
  const at = visitor(more);
  at.client.connect();
  at.socket.welcome();
  return at;
}

test('the first frame is a hello with the key; later ones show the token and where we left off', () => {
  const at = visitor();
  at.client.connect();
  at.socket.onopen();
  assert.deepEqual(at.socket.protocols, ['kefu.v1.json']);
  assert.equal(at.socket.sent[0].type, 'hello');
  assert.equal(at.socket.sent[0].key, 'wk_1');
  assert.equal(at.socket.sent[0].token, undefined);
  at.socket.give({ type: 'welcome', conversation: 'c1', token: 't1', recovered: false, last_seq: 1, events: [event(1)] });
  at.socket.end(1006);
  at.clock.pass(1000);
  at.socket.onopen();
  assert.equal(at.socket.last('hello').token, 't1');
  assert.deepEqual(at.socket.last('hello').resume, { conversation: 'c1', last_seq: 1 });
});

test('a message is sent again under the same id until it is acknowledged', () => {
  const at = online();
  const id = at.client.say('hello');
  assert.equal(at.socket.last('say').client_msg_id, id);
  at.socket.end(1006);
  at.clock.pass(1000);
  at.socket.welcome();
  const again = at.socket.last('say');
  assert.equal(again.client_msg_id, id);
  at.socket.give(mine(1, again));
  at.socket.ack(again, 1);
  assert.deepEqual(at.client.pending, []);
  at.socket.end(1006);
  at.clock.pass(60_000);
  at.socket.welcome({ recovered: true });
  assert.equal(at.socket.last('say'), undefined);
});

test('an acknowledged message stands among the pending until its event comes, and is not sent again', () => {
  const at = online();
  at.client.say('hello');
  const say = at.socket.last('say');
  at.socket.ack(say, 1);
  assert.equal(at.client.pending[0].stored, true);
  at.socket.give(mine(1, say));
  assert.deepEqual(at.client.pending, []);
  assert.equal(at.client.events.length, 1);
});

test('messages go out one at a time, so that a refused one is not overtaken', () => {
  const at = online();
  at.client.say('first');
  at.client.say('second');
  assert.equal(at.socket.sent.filter((frame) => frame.type === 'say').length, 1);
  const first = at.socket.last('say');
  at.socket.give({ type: 'error', code: 'rate_limited', message: '', client_msg_id: first.client_msg_id, retry_after_ms: 700 });
  at.clock.pass(699);
  assert.equal(at.socket.sent.filter((frame) => frame.type === 'say').length, 1);
  at.clock.pass(1);
  assert.equal(at.socket.last('say').client_msg_id, first.client_msg_id);
  at.socket.ack(first, 1);
  assert.equal(at.socket.last('say').text, 'second');
});

test('what was written before the page went away is sent by the next one, in order', () => {
  const storage = memoryStorage();
  const before = visitor({ storage });
  before.client.say('one');
  before.client.say('two');
  const after = visitor({ storage });
  after.client.connect();
  after.socket.welcome();
  assert.equal(after.socket.last('say').text, 'one');
  after.socket.ack(after.socket.last('say'), 1);
  assert.equal(after.socket.last('say').text, 'two');
  after.socket.ack(after.socket.last('say'), 2);
  assert.equal(storage.getItem('kefu:wk_1::outbox'), null);
});

test('a message that the server refuses for good is marked as failed and holds up nobody', () => {
  const at = online();
  at.client.say('bad');
  at.client.say('good');
  at.socket.give({ type: 'error', code: 'bad_value', message: 'no', client_msg_id: at.socket.last('say').client_msg_id });
  assert.equal(at.client.pending[0].failed.code, 'bad_value');
  assert.equal(at.socket.last('say').text, 'good');
  at.socket.ack(at.socket.last('say'), 1);
  at.client.retry(at.client.pending[0].client_msg_id);
  assert.equal(at.socket.last('say').text, 'bad');
});

test('a message larger than the server takes is not sent', () => {
  const at = visitor();
  at.client.connect();
  at.socket.welcome({ max_bytes: 200 });
  at.client.say('长'.repeat(100));
  assert.equal(at.socket.last('say'), undefined);
  assert.equal(at.client.pending[0].failed.code, 'bad_value');
});

test('an event that leaves a gap makes the client resume from the last one that it has', () => {
  const at = visitor();
  at.client.connect();
  at.socket.welcome({ last_seq: 2, events: [event(1), event(2)] });
  at.socket.give(event(4));
  assert.deepEqual(at.client.events.map((each) => each.seq), [1, 2]);
  at.clock.pass(0);
  assert.equal(at.sockets.length, 2);
  at.socket.onopen();
  assert.equal(at.socket.last('hello').resume.last_seq, 2);
  at.socket.give({ type: 'welcome', conversation: 'c1', token: 't', recovered: true, last_seq: 4, events: [event(3), event(4)] });
  assert.deepEqual(at.client.events.map((each) => each.seq), [1, 2, 3, 4]);
});

test('an event that comes twice is shown once', () => {
  const at = online();
  at.socket.give(event(1));
  at.socket.give(event(1));
  assert.equal(at.client.events.length, 1);
});

test('a fresh start voids what was held', () => {
  const at = visitor();
  at.client.connect();
  at.socket.welcome({ last_seq: 1, events: [event(1, { text: 'old' })] });
  at.socket.end(1006);
  at.clock.pass(1000);
  at.socket.welcome({ last_seq: 300, events: [event(299), event(300)] });
  assert.deepEqual(at.client.events.map((each) => each.seq), [299, 300]);
  assert.equal(at.client.more, true);
  at.client.older();
  assert.deepEqual(at.socket.last('history'), { type: 'history', before: 299, limit: 50 });
  at.socket.give({ type: 'page', events: [event(297), event(298)], more: false });
  assert.deepEqual(at.client.events.map((each) => each.seq), [297, 298, 299, 300]);
  assert.equal(at.client.more, false);
});

for (const [code, back] of [[1000, true], [1006, true], [3001, true], [3008, true], [3499, true], [3500, false], [3505, false]]) {
  test(`after close code ${code} the client ${back ? 'comes back' : 'stays away'}`, () => {
    const at = online();
    assert.equal(comesBack(code), back);
    at.client.token.remove();
    at.socket.end(code);
    at.clock.pass(120_000);
    // With a token, 3500 means: begin anew with the key; that is refused, too.
    if (code === 3500) at.socket.end(3500);
    at.clock.pass(120_000);
    assert.equal(at.client.status === 'stopped', !back);
  });
}

test('an expired token is forgotten, and the key makes a new visitor', () => {
  const storage = memoryStorage();
  storage.setItem('kefu:wk_1::token', 'old');
  const at = visitor({ storage });
  at.client.connect();
  at.socket.onopen();
  assert.equal(at.socket.last('hello').token, 'old');
  at.socket.end(3005);
  at.clock.pass(0);
  at.socket.onopen();
  assert.equal(at.socket.last('hello').token, undefined);
  at.socket.end(3500);
  at.clock.pass(120_000);
  assert.equal(at.client.status, 'stopped');
  assert.equal(at.client.code, 3500);
});

test('pauses between attempts grow to half a minute, and begin anew after a steady connection', () => {
  const at = visitor();
  at.client.connect();
  const pauses = [];
  for (let tried = 0; tried < 9; tried += 1) {
    const began = at.clock.now;
    const count = at.sockets.length;
    at.socket.end(1006);
    while (at.sockets.length === count) at.clock.pass(100);
    pauses.push(at.clock.now - began);
  }
  assert.deepEqual(pauses, [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
  at.socket.welcome();
  at.clock.pass(6000);
  const count = at.sockets.length;
  at.socket.end(1006);
  at.clock.pass(500);
  assert.equal(at.sockets.length, count + 1);
});

test('a goaway says when to come back', () => {
  const at = online();
  at.socket.give({ type: 'goaway', after_ms: 4321 });
  at.socket.end(3001);
  at.clock.pass(4320);
  assert.equal(at.sockets.length, 1);
  at.clock.pass(1);
  assert.equal(at.sockets.length, 2);
});

test('who hears nothing asks, and leaves a socket that does not answer', () => {
  const at = online();
  at.clock.pass(25_000);
  assert.equal(at.socket.last('ping').type, 'ping');
  at.socket.give({ type: 'pong' });
  at.clock.pass(24_000);
  assert.equal(at.client.status, 'online');
  at.clock.pass(25_000 + 10_000);
  assert.notEqual(at.client.status, 'online');
  assert.equal(at.sockets[0].closed, true);
});

test('a message that is not acknowledged in time makes the client try another connection', () => {
  const at = online();
  at.client.say('hello');
  at.clock.pass(15_500);
  assert.equal(at.sockets.length, 2);
  at.socket.welcome();
  assert.equal(at.socket.last('say').text, 'hello');
});

test('typing is told once in three seconds, and its end when nothing is typed or a message is sent', () => {
  const at = online();
  const told = () => at.socket.sent.filter((frame) => frame.type === 'typing').map((frame) => frame.on);
  at.client.typing();
  at.clock.pass(1000);
  at.client.typing();
  assert.deepEqual(told(), [true]);
  at.clock.pass(2000);
  at.client.typing();
  assert.deepEqual(told(), [true, true]);
  at.clock.pass(5000);
  assert.deepEqual(told(), [true, true, false]);
  at.client.typing();
  at.client.say('done');
  assert.deepEqual(told(), [true, true, false, true, false]);
});

test('pieces of a reply are shown until its event comes or they are taken back', () => {
  const at = online();
  at.socket.give({ type: 'chunk', turn: 1, text: 'Re' });
  at.socket.give({ type: 'chunk', turn: 1, text: 'turns' });
  assert.equal(at.client.chunks.get(1), 'Returns');
  at.socket.give(event(1, { turn: 1 }));
  assert.equal(at.client.chunks.size, 0);
  at.socket.give({ type: 'chunk', turn: 2, text: 'No' });
  at.socket.give({ type: 'chunk', turn: 2, aborted: true });
  assert.equal(at.client.chunks.size, 0);
});

test('replies are unread until they are read, and a reload remembers it', () => {
  const storage = memoryStorage();
  const at = online({ storage });
  at.socket.give(event(1));
  assert.equal(at.client.unread, 1);
  at.client.read();
  assert.equal(at.client.unread, 0);
  assert.deepEqual(at.socket.last('read'), { type: 'read', seq: 1 });
  const later = visitor({ storage });
  later.client.connect();
  later.socket.welcome({ last_seq: 2, events: [event(1), event(2)] });
  assert.equal(later.client.unread, 1);
});

test('what was read is told again to whom it may not have reached', () => {
  const at = visitor();
  at.client.connect();
  at.socket.welcome({ last_seq: 1, events: [event(1)] });
  at.client.read();
  at.socket.end(1006);
  at.clock.pass(1000);
  at.socket.welcome({ recovered: true, last_seq: 1 });
  assert.deepEqual(at.socket.last('read'), { type: 'read', seq: 1 });
});

test('two tabs that open at once end in one conversation', () => {
  const storage = memoryStorage();
  const [one, two] = [visitor({ storage }), visitor({ storage })];
  one.client.connect();
  two.client.connect();
  one.socket.welcome({ conversation: 'c1', token: 't1' });
  two.socket.welcome({ conversation: 'c2', token: 't2' });
  two.clock.pass(0);
  two.socket.onopen();
  assert.equal(two.socket.last('hello').token, 't1');
});

test('a signed-in user is told with the signature, and kept apart from the anonymous visitor', () => {
  const storage = memoryStorage();
  storage.setItem('kefu:wk_1::token', 'anonymous');
  const at = visitor({ storage, user: 'u7', signature: 'ab' });
  at.client.connect();
  at.socket.onopen();
  const { user, signature, token } = at.socket.last('hello');
  assert.deepEqual({ user, signature, token }, { user: 'u7', signature: 'ab', token: undefined });
});

test('a storage with promises works, too', async () => {
  const kept = memoryStorage();
  const later = (name) => (...values) => new Promise((done) => setImmediate(() => done(kept[name](...values))));
  const storage = { getItem: later('getItem'), setItem: later('setItem'), removeItem: later('removeItem') };
  const at = visitor({ storage });
  at.client.say('early');
  at.client.connect();
  while (!at.socket) await new Promise(setImmediate);
  at.socket.welcome();
  while (!at.socket.last('say')) await new Promise(setImmediate);
  assert.match(kept.getItem('kefu:wk_1::outbox'), /early/);
  at.socket.ack(at.socket.last('say'), 1);
  while (kept.getItem('kefu:wk_1::outbox') !== null) await new Promise(setImmediate);
  assert.equal(kept.getItem('kefu:wk_1::token'), 't1');
});

test('a storage that throws costs nothing but the memory of a reload', () => {
  const broken = () => { throw new Error('quota'); };
  const at = online({ storage: { getItem: broken, setItem: broken, removeItem: broken } });
  at.client.say('hello');
  assert.equal(at.socket.last('say').text, 'hello');
});
