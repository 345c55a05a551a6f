// How the client reaches a server through networks that let no WebSocket through; test_widget_scripts.py runs it.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Client, memoryStorage } from '../../../server/widget/assets/client.js';
import { Clock } from './clock.mjs';

const KEPT = 'kefu:wk_1::transport';

/** A server that is asked by requests; the test decides what each answer is and when it comes. */
class Server {
  asked = [];

  fetch(url, request) {
    const asked = { what: url.split('/').at(-1), url, ...request, body: JSON.parse(request.body) };
    this.asked.push(asked);
    return new Promise((answer, fail) => {
      asked.fail = () => fail(new TypeError('network'));
      request.signal?.addEventListener('abort', () => {
        asked.aborted = true;
        fail(new DOMException('aborted', 'AbortError'));
        asked.stream?.error(new DOMException('aborted', 'AbortError'));
      });
      asked.refuse = (status) => answer(new Response('', { status }));
      asked.accept = () => answer(new Response(null, { status: 204 }));
      asked.whole = (...events) => answer(new Response(events.join('')));
      asked.begin = () => {
        const body = new ReadableStream({ start: (stream) => Object.assign(asked, { stream }) });
        answer(new Response(body));
        return asked;
      };
      asked.give = (text) => asked.stream.enqueue(typeof text === 'string' ? new TextEncoder().encode(text) : text);
    });
  }

  of(what) {
    return this.asked.filter((asked) => asked.what === what);
  }

  last(what) {
    return this.of(what).at(-1);
  }
}

const OPEN = 'event: open\ndata: {"session":"s1"}\n\n';

function said(frame) {
  return `data: ${JSON.stringify(frame)}\n\n`;
}

function welcome(more = {}) {
  return said({ type: 'welcome', session: 's', conversation: 'c1', token: 't1', recovered: false, last_seq: 0, ...more });
}

function closed(code) {
  return `event: close\ndata: {"code":${code},"reason":""}\n\n`;
}

function event(seq, more = {}) {
  return { type: 'event', seq, id: `e${seq}`, kind: 'replied', author: 'bot', at: 1, turn: 1, text: `text ${seq}`, ...more };
}

async function settle() {
  for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
}

/** A visitor whose WebSockets close before they open, unless the test opens them. */
function visitor(more = {}) {
  const at = { clock: new Clock(), sockets: [], server: new Server(), storage: memoryStorage() };
  at.client = new Client({
    url: 'wss://host/v1/ws',
    key: 'wk_1',
    storage: at.storage,
    timers: at.clock,
    now: () => at.clock.now,
    random: () => 1,
    fetch: (url, request) => at.server.fetch(url, request),
    openSocket: () => {
      at.sockets.push({ send() {}, close() { this.left = true; } });
      return at.sockets.at(-1);
    },
    ...more,
  });
  return at;
}

/** Let WebSockets fail until HTTP is tried. */
async function blocked(more = {}) {
  const at = visitor(more);
  at.client.connect();
  for (let attempt = 0; attempt < 2; attempt += 1) {
    at.sockets.at(-1).onclose({ code: 1006 });
    at.clock.pass(2_000);
  }
  await settle();
  return at;
}

async function streaming(more = {}) {
  const at = await blocked(more);
  at.stream = at.server.last('stream').begin();
  at.stream.give(OPEN + welcome());
  await settle();
  return at;
}

test('after two WebSockets that came to nothing the same frames go by HTTP', async () => {
  const at = await streaming();
  assert.equal(at.sockets.length, 2);
  assert.equal(at.client.status, 'online');
  assert.equal(at.client.transport, 'http');
  assert.equal(at.stream.body.type, 'hello');
  assert.equal(at.stream.body.key, 'wk_1');

  const id = at.client.say('hello');
  await settle();
  const { session, frames } = at.server.last('send').body;
  assert.equal(session, 's1');
  assert.deepEqual(frames, [{ type: 'say', text: 'hello', client_msg_id: id }]);
  at.stream.give(said({ type: 'ack', client_msg_id: id, seq: 1, id: 'e1', at: 1 }) + said(event(1, { client_msg_id: id })));
  await settle();
  assert.deepEqual(at.client.pending, []);
  assert.equal(at.client.events.length, 1);
});

test('nothing secret is in an address, nothing is kept on the way, and no leave has to be asked for', async () => {
  const at = await streaming();
  at.client.say('hello');
  await settle();
  for (const asked of at.server.asked) {
    assert.match(asked.url, /^https:\/\/host\/v1\/http\/(stream|send)$/);
    assert.equal(asked.method, 'POST');
    assert.equal(asked.cache, 'no-store');
    assert.equal(asked.credentials, 'omit');
    assert.deepEqual(Object.keys(asked.headers), ['Content-Type']);
    assert.match(asked.headers['Content-Type'], /^text\/plain/);
  }
});

test('a WebSocket that says why it ends has come through, and so has one that says nothing for a while', async () => {
  const at = visitor();
  at.client.connect();
  for (const code of [3014, 3014, 1006, 3014, 1006]) {
    at.sockets.at(-1).onopen();
    at.sockets.at(-1).onclose({ code });
    at.clock.pass(30_000);
  }
  assert.equal(at.sockets.length, 6);
  assert.equal(at.server.asked.length, 0);
});

test('a WebSocket that does not open is given up after eight seconds', async () => {
  const at = visitor();
  at.client.connect();
  at.clock.pass(7_999);
  assert.equal(at.sockets[0].left, undefined);
  at.clock.pass(1);
  assert.equal(at.sockets[0].left, true);
  at.clock.pass(500);
  at.clock.pass(8_000 + 1_000);
  await settle();
  assert.equal(at.server.of('stream').length, 1);
});

test('where HTTP comes to nothing either, a WebSocket is tried again, and so on in turn', async () => {
  const at = await blocked();
  at.server.last('stream').fail();
  await settle();
  at.clock.pass(2_000);
  assert.equal(at.sockets.length, 3);
  at.sockets.at(-1).onclose({ code: 1006 });
  at.clock.pass(4_000);
  await settle();
  assert.equal(at.server.of('stream').length, 2);
});

test('without a fetch, or told not to, only WebSockets are tried', async () => {
  for (const without of [{ fetch: undefined }, { httpUrl: '' }]) {
    const at = await blocked(without);
    assert.equal(at.sockets.length, 3);
    assert.equal(at.server.asked.length, 0);
  }
});

test('pieces may be cut anywhere, within a line and within a character', async () => {
  const at = await blocked();
  const text = '原价商品\u2028 😀';
  const bytes = new TextEncoder().encode(`: padding\n\n${OPEN}${welcome({ last_seq: 1, events: [event(1, { text })] })}`);
  const stream = at.server.last('stream').begin();
  for (const byte of bytes) stream.give(new Uint8Array([byte]));
  for (let turn = 0; turn < 60; turn += 1) await settle();
  assert.equal(at.client.events[0].text, text);
});

test('a close says whether and when to come back', async () => {
  const terminal = await streaming();
  terminal.client.token.remove();
  terminal.stream.give(closed(3505));
  await settle();
  terminal.clock.pass(100_000);
  assert.equal(terminal.client.status, 'stopped');
  assert.equal(terminal.client.code, 3505);

  const restarting = await streaming();
  restarting.stream.give(said({ type: 'goaway', after_ms: 4321 }) + closed(3001));
  await settle();
  restarting.clock.pass(4320);
  assert.equal(restarting.server.of('stream').length, 1);
  restarting.clock.pass(1);
  await settle();
  assert.equal(restarting.server.of('stream').length, 2);
});

for (const [how, cut] of [
  ['the stream breaks', (at) => at.stream.stream.error(new TypeError('network'))],
  ['the stream ends without a word', (at) => at.stream.stream.close()],
  ['a request fails', (at) => at.server.last('send').fail()],
  ['the session is gone', (at) => at.server.last('send').refuse(404)],
]) {
  test(`when ${how} the client comes back, resumes, and says again what was not acknowledged`, async () => {
    const at = await streaming();
    at.stream.give(said(event(1)));
    await settle();
    const id = at.client.say('hello');
    await settle();
    cut(at);
    await settle();
    assert.equal(at.client.status, 'waiting');
    at.clock.pass(30_000);
    await settle();
    const again = at.server.last('stream');
    assert.notEqual(again, at.stream);
    assert.deepEqual(again.body.resume, { conversation: 'c1', last_seq: 1 });
    again.begin().give(OPEN.replace('s1', 's2') + welcome({ recovered: true, last_seq: 1 }));
    await settle();
    assert.equal(at.server.last('send').body.session, 's2');
    assert.equal(at.server.last('send').body.frames[0].client_msg_id, id);
  });
}

test('what is said goes up by one request at a time, all that waits in the next', async () => {
  const at = await streaming();
  at.client.say('one');
  await settle();
  at.client.typing();
  at.stream.give(said({ type: 'ping' }));
  await settle();
  assert.equal(at.server.of('send').length, 1);
  at.server.last('send').accept();
  await settle();
  assert.equal(at.server.of('send').length, 2);
  assert.deepEqual(at.server.last('send').body.frames.map((frame) => frame.type), ['typing', 'pong']);
});

test('a stream that is held back on the way is given up for polls after six seconds', async () => {
  const at = await blocked();
  at.clock.pass(5_999);
  await settle();
  assert.equal(at.server.of('poll').length, 0);
  at.clock.pass(1);
  await settle();
  assert.equal(at.server.last('stream').aborted, true);
  const first = at.server.last('poll');
  assert.equal(first.body.type, 'hello');
  first.whole(OPEN, welcome());
  await settle();
  assert.equal(at.client.status, 'online');
  assert.deepEqual(at.server.last('poll').body, { session: 's1' });
  at.server.last('poll').whole(OPEN, said(event(1)));
  await settle();
  assert.equal(at.client.events.length, 1);
  at.server.last('poll').whole(OPEN);
  await settle();
  assert.equal(at.server.of('poll').length, 4);
  assert.match(at.storage.getItem(KEPT), /^poll /);
});

test('a stream whose first words alone come through is held back, too', async () => {
  const at = await blocked();
  at.server.last('stream').begin().give(OPEN);
  await settle();
  at.clock.pass(6_000);
  await settle();
  assert.equal(at.server.of('poll').length, 1);
});

test('a fetch that gives whole answers only is enough for polls', async () => {
  const asked = [];
  const answers = [OPEN + welcome(), OPEN + welcome(), OPEN + said(event(1))];
  const fetch = (url) => {
    asked.push(url.split('/').at(-1));
    const text = answers.shift();
    return text ? Promise.resolve({ ok: true, status: 200, text: async () => text }) : new Promise(() => {});
  };
  const at = await blocked({ fetch });
  assert.deepEqual(asked, ['stream', 'poll', 'poll', 'poll']);
  assert.equal(at.client.status, 'online');
  assert.equal(at.client.events.length, 1);
});

test('a refused poll is a lost connection', async () => {
  const at = await blocked();
  at.clock.pass(6_000);
  await settle();
  at.server.last('poll').whole(OPEN, welcome());
  await settle();
  at.server.last('poll').refuse(404);
  await settle();
  assert.equal(at.client.status, 'waiting');
  at.clock.pass(30_000);
  await settle();
  assert.equal(at.server.of('stream').length, 1);
  assert.equal(at.server.last('poll').body.type, 'hello');
});

test('while HTTP carries us it is looked again and again whether a WebSocket opens, ever more seldom', async () => {
  const at = await streaming();
  at.clock.pass(15_000);
  assert.equal(at.sockets.length, 3);
  at.sockets.at(-1).onclose({ code: 1006 });
  at.clock.pass(14_999);
  at.stream.give(said({ type: 'pong' })); // else silence would end the connection
  await settle();
  at.clock.pass(15_000);
  assert.equal(at.sockets.length, 3);
  at.clock.pass(1);
  assert.equal(at.sockets.length, 4);
  assert.equal(at.client.status, 'online');
  at.clock.pass(8_000);
  assert.equal(at.sockets[3].left, true);
});

test('whoever comes back to the page, or into another network, has not long to wait for a WebSocket', async () => {
  const at = await streaming();
  at.clock.pass(15_000);
  at.sockets.at(-1).onclose({ code: 1006 }); // the next look would be in half a minute
  at.client.wake();
  at.stream.give(said({ type: 'pong' }));
  await settle();
  at.clock.pass(14_999);
  assert.equal(at.sockets.length, 3);
  at.clock.pass(1);
  assert.equal(at.sockets.length, 4);
  at.client.wake(); // this one is still being tried
  at.clock.pass(1);
  assert.equal(at.sockets[3].left, undefined);
});

test('however often one comes back to the page, a WebSocket is looked for', async () => {
  const at = await streaming();
  at.clock.pass(15_000);
  at.sockets.at(-1).onclose({ code: 1006 });
  for (let second = 0; second < 15; second += 5) {
    at.client.wake();
    at.stream.give(said({ type: 'pong' }));
    await settle();
    at.clock.pass(5_000);
  }
  assert.equal(at.sockets.length, 4);
});

test('who has a WebSocket does not look for another one when the page is looked at', async () => {
  const at = visitor();
  at.client.connect();
  await settle();
  at.sockets[0].onopen();
  at.sockets[0].onmessage({ data: welcome().slice(6) });
  at.client.wake();
  at.sockets[0].onmessage({ data: JSON.stringify({ type: 'pong' }) });
  at.clock.pass(16_000);
  assert.equal(at.sockets.length, 1);
});

test('when a WebSocket opens the conversation goes on over it at once', async () => {
  const at = await streaming();
  at.stream.give(said(event(1)));
  await settle();
  at.clock.pass(15_000);
  at.sockets.at(-1).onopen();
  assert.equal(at.stream.aborted, true);
  at.clock.pass(0);
  assert.equal(at.sockets.length, 4);
  const sent = [];
  at.sockets.at(-1).send = (text) => sent.push(JSON.parse(text));
  at.sockets.at(-1).onopen();
  assert.deepEqual(sent[0].resume, { conversation: 'c1', last_seq: 1 });
  at.sockets.at(-1).onmessage({ data: welcome({ recovered: true, last_seq: 1 }).slice(6) });
  assert.equal(at.client.transport, 'websocket');
  assert.equal(at.storage.getItem(KEPT), null);
});

test('the next page begins with what the last one found out, for ten minutes', async () => {
  const first = await streaming();
  const kept = first.storage.getItem(KEPT);
  assert.equal(kept, `stream ${first.clock.now + 600_000}`);
  for (const [later, ways] of [[599_000, [0, 1]], [601_000, [1, 0]]]) {
    const next = visitor();
    next.storage.setItem(KEPT, kept);
    next.clock.now = first.clock.now + later;
    next.client.connect();
    await settle();
    assert.deepEqual([next.sockets.length, next.server.of('stream').length], ways);
  }
});

test('who goes says goodbye, and a stream that comes late is nobody’s', async () => {
  const at = await streaming();
  at.client.close();
  await settle();
  assert.equal(at.stream.aborted, true);
  assert.deepEqual(at.server.last('send').body, { session: 's1', bye: true });
  assert.equal(at.server.last('send').keepalive, true);
  at.clock.pass(100_000);
  await settle();
  assert.equal(at.client.status, 'idle');
  assert.equal(at.sockets.length, 2);
});

test('a message near the limit goes alone', async () => {
  const at = await streaming();
  at.client.say('first');
  await settle();
  at.client.typing();
  at.server.last('send').accept();
  at.stream.give(said({ type: 'ack', client_msg_id: at.client.pending[0].client_msg_id, seq: 1, id: 'e', at: 1 }));
  at.client.say('长'.repeat(8_000));
  at.client.say('after');
  await settle();
  const sizes = at.server.of('send').map((asked) => asked.body.frames.length);
  assert.equal(at.server.asked.every((asked) => JSON.stringify(asked.body).length < 30_000), true);
  assert.equal(sizes.every((size) => size <= 16), true);
});
