// Unit tests of sending and fetching files; test_widget_scripts.py runs them with Node's own runner.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Client, FileRefused, memoryStorage } from '../../../server/widget/assets/client.js';
import { Files } from '../../../server/widget/assets/client/files.js';
import { Clock } from './clock.mjs';

const FACTS = { id: 'f1', name: 'a.jpg', media_type: 'image/jpeg', size: 3 };
const DONE = { status: 201, body: JSON.stringify(FACTS) };

function problem(status, kind, more = {}) {
  return { status, body: JSON.stringify({ type: `urn:kefu:problem:${kind}`, detail: 'because' }), ...more };
}

/** Files whose server answers one thing after the other, and lets time pass while they wait. */
function files(answers, { token = () => 't1', fetch } = {}) {
  const clock = new Clock();
  const asked = [];
  const waits = [];
  const made = new Files({
    url: 'https://help.shop.example/v1',
    token,
    fetch,
    random: () => 1,
    clock: {
      setTimeout(then, ms) {
        waits.push(ms);
        clock.setTimeout(then, ms);
        queueMicrotask(() => clock.pass(ms));
      },
    },
    async transfer(request) {
      asked.push(request);
      const answer = answers.shift();
      return typeof answer === 'function' ? answer(request) : answer;
    },
  });
  return { made, asked, waits };
}

test('a file is sent with the token and comes back as the server calls it', async () => {
  const { made, asked } = files([DONE]);
  assert.deepEqual(await made.upload({}, { name: '照 片&.png' }), FACTS);
  assert.equal(asked[0].url, 'https://help.shop.example/v1/uploads?name=%E7%85%A7%20%E7%89%87%26.png');
  assert.equal(asked[0].token, 't1');
});

test('what the network or a server that is away loses is sent again after growing pauses', async () => {
  const { made, asked, waits } = files([{ status: 0 }, { status: 503 }, { status: 0 }, DONE]);
  assert.deepEqual(await made.upload({}, { name: 'a' }), FACTS);
  assert.equal(asked.length, 4);
  assert.deepEqual(waits, [1000, 2000, 4000]);
});

test('who is told to come back later comes back then', async () => {
  const { made, waits } = files([problem(429, 'too-many', { retryAfter: 7 }), DONE]);
  await made.upload({}, { name: 'a' });
  assert.deepEqual(waits, [7000]);
});

test('what the server does not take is not sent again', async () => {
  for (const [status, kind] of [[413, 'too-large'], [415, 'unknown-kind'], [422, 'invalid'], [403, 'forbidden']]) {
    const { made, asked } = files([problem(status, kind)]);
    await assert.rejects(made.upload({}, { name: 'a' }), (error) => error instanceof FileRefused && error.code === kind);
    assert.equal(asked.length, 1);
  }
  const { made } = files([problem(429, 'too-many', { retryAfter: 3600 })]);
  await assert.rejects(made.upload({}, { name: 'a' }), { code: 'too-many' });
  await assert.rejects(files([{ status: 413, body: 'a proxy says so' }]).made.upload({}), { code: 'too-large' });
});

test('a token that is renewed meanwhile is tried, one that stays wrong is not tried for ever', async () => {
  const tokens = ['old', 'new'];
  const renewed = files([problem(401, 'unauthenticated'), DONE], { token: () => tokens.shift() });
  await renewed.made.upload({}, { name: 'a' });
  assert.deepEqual(renewed.asked.map((each) => each.token), ['old', 'new']);
  const wrong = files(Array(9).fill(problem(401, 'unauthenticated')));
  await assert.rejects(wrong.made.upload({}, { name: 'a' }), { code: 'unauthenticated' });
  assert.equal(wrong.asked.length, 3);
});

test('before there is a token nothing is sent', async () => {
  const tokens = ['', '', 't1'];
  const { made, asked } = files([DONE], { token: async () => tokens.shift() });
  await made.upload({}, { name: 'a' });
  assert.equal(asked.length, 1);
});

test('a file that is removed while it is on its way is not sent again', async () => {
  const abort = new AbortController();
  const { made, asked } = files([() => (abort.abort(), { status: 0 }), DONE]);
  await assert.rejects(made.upload({}, { name: 'a', signal: abort.signal }), { code: 'aborted' });
  assert.equal(asked.length, 1);
});

test('of many files two are on their way at a time, and each has its turn', async () => {
  let running = 0;
  let most = 0;
  const slow = async () => {
    most = Math.max(most, (running += 1));
    await new Promise((resolve) => setImmediate(resolve));
    running -= 1;
    return DONE;
  };
  const { made, asked } = files(Array(7).fill(slow));
  await Promise.all(Array.from({ length: 7 }, () => made.upload({}, { name: 'a' })));
  assert.deepEqual([most, asked.length], [2, 7]);
});

test('progress is told, and begins anew with another try', async () => {
  const shares = [];
  const { made } = files([
    ({ onprogress }) => (onprogress(0.5), { status: 0 }),
    ({ onprogress }) => (onprogress(1), DONE),
  ]);
  await made.upload({}, { name: 'a', onprogress: (share) => shares.push(share) });
  assert.deepEqual(shares, [0.5, 0, 1]);
});

test('a network that is back ends the pause', async () => {
  const made = new Files({
    url: 'https://help.shop.example/v1', token: () => 't1', random: () => 1, clock: { setTimeout() {} },
    transfer: async () => ({ status: tries++ ? 201 : 0, body: JSON.stringify(FACTS) }),
  });
  let tries = 0;
  const sending = made.upload({}, { name: 'a' });
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
  made.wake();
  assert.deepEqual(await sending, FACTS);
});

test('a name that is too long loses its middle and no half of a character', async () => {
  const { made, asked } = files([DONE]);
  await made.upload({}, { name: '😀'.repeat(400) + '.png' });
  const name = decodeURIComponent(asked[0].url.split('name=')[1]);
  assert.equal([...name].length, 300);
  assert.ok(name.endsWith('.png'));
});

test('bytes are fetched with the token, links are made absolute, and refusals have a code', async () => {
  const asked = [];
  const answers = {
    '/files/f1': { ok: true, blob: async () => 'bytes' },
    '/files/f1/link': { ok: true, json: async () => ({ url: '/v1/files/f1?ticket=x' }) },
    '/files/gone': { ok: false, status: 404, text: async () => problem(404, 'not-found').body },
  };
  const fetch = async (url, request) => {
    asked.push([url, request.method ?? 'GET', request.headers.Authorization]);
    return answers[url.replace('https://help.shop.example/v1', '')];
  };
  const { made } = files([], { fetch });
  assert.equal(await made.fetch('f1'), 'bytes');
  assert.equal(await made.link('f1'), 'https://help.shop.example/v1/files/f1?ticket=x');
  await assert.rejects(made.fetch('gone'), { code: 'not-found' });
  assert.deepEqual(asked.slice(0, 2), [
    ['https://help.shop.example/v1/files/f1', 'GET', 'Bearer t1'],
    ['https://help.shop.example/v1/files/f1/link', 'POST', 'Bearer t1'],
  ]);
});

test('a message names its files, keeps what they are called over a reload, and sends them again by name', () => {
  const storage = memoryStorage();
  const options = { url: 'wss://help.shop.example/v1/ws', httpUrl: '', key: 'wk_1', storage, openSocket: () => ({}) };
  const client = new Client(options);
  const id = client.say('', [FACTS]);
  assert.deepEqual(client.pending[0].frame.files, ['f1']);
  const later = new Client(options);
  later.connect();
  assert.deepEqual(later.pending.map((item) => [item.client_msg_id, item.frame.files, item.files]), [[id, ['f1'], [FACTS]]]);
  later.close();
});

test('the server says how large a file may be, and whether it takes any', () => {
  const sockets = [];
  const openSocket = () => sockets[sockets.push({ send() {}, close() {} }) - 1];
  const options = { url: 'wss://help.shop.example/v1/ws', httpUrl: '', key: 'wk_1', storage: memoryStorage(), openSocket };
  const client = new Client({ ...options, timers: new Clock() });
  assert.equal(client.files.maxBytes, 10 * 1024 * 1024);
  client.connect();
  sockets[0].onopen();
  const welcome = { type: 'welcome', session: 's', conversation: 'c', token: 't', last_seq: 0, max_upload: 0 };
  sockets[0].onmessage({ data: JSON.stringify(welcome) });
  assert.equal(client.files.maxBytes, 0);
  client.close();
});
