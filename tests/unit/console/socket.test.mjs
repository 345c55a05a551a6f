// The agent's socket: comes back, repeats what was not acknowledged, gives up only when told to.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { AgentSocket, Refusal } from '../../../server/console/static/socket.js';
import { Clock } from '../widget/clock.mjs';

let clock;

class FakeSocket {
  static all = [];
  readyState = 1;
  sent = [];
  closed = [];

  constructor(address, protocols) {
    Object.assign(this, { address, protocols });
    FakeSocket.all.push(this);
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close(code) {
    this.closed.push(code);
  }

  give(frame) {
    return this.onmessage({ data: JSON.stringify(frame) });
  }
}

function made(values = {}) {
  FakeSocket.all = [];
  clock = new Clock();
  const seen = { frames: [], links: [], ended: [] };
  const socket = new AgentSocket({
    ticket: async () => 'one-time',
    holds: () => [{ conversation: 'c1', last_seq: 4, last_internal: 1 }],
    onFrame: (frame) => seen.frames.push(frame),
    onLink: (link) => seen.links.push(link),
    onEnd: (reason) => seen.ended.push(reason),
    address: 'ws://desk/v1/ws',
    Socket: FakeSocket,
    random: () => 0.5,
    timers: clock,
    ...values,
  });
  return { socket, seen };
}

async function opened(values) {
  const both = made(values);
  both.socket.start();
  await Promise.resolve();
  await Promise.resolve();
  const [wire] = FakeSocket.all;
  wire.onopen();
  await wire.give({ type: 'welcome' });
  return { ...both, wire };
}

const settle = async () => {
  for (let at = 0; at < 5; at += 1) await Promise.resolve();
};

test('the first frame shows a ticket and what is held; the ticket is not in the address', async () => {
  const { wire, seen } = await opened();
  assert.deepEqual(wire.sent[0], { type: 'hello', ticket: 'one-time', following: [{ conversation: 'c1', last_seq: 4, last_internal: 1 }] });
  assert.equal(wire.address, 'ws://desk/v1/ws');
  assert.deepEqual(seen.links, ['connecting', 'online']);
});

test('what was not acknowledged is sent again under the same id after a reconnect', async () => {
  const { socket, wire } = await opened();
  const answer = socket.request({ type: 'say', conversation: 'c1', text: 'hi' });
  const { client_msg_id: id } = wire.sent.at(-1);
  wire.onclose({ code: 1006 });
  clock.pass(2_000);
  await settle();
  const next = FakeSocket.all[1];
  next.onopen();
  await next.give({ type: 'welcome' });
  assert.equal(next.sent.at(-1).client_msg_id, id);
  await next.give({ type: 'ack', client_msg_id: id, seq: 7 });
  assert.equal((await answer).seq, 7);
  assert.equal(socket.waiting.size, 0);
});

test('a refusal that names no time is final and tells who was faster', async () => {
  const { socket, wire } = await opened();
  const answer = socket.request({ type: 'desk', verb: 'accept', conversation: 'c1', epoch: 3 });
  const { client_msg_id: id } = wire.sent.at(-1);
  await wire.give({ type: 'error', client_msg_id: id, code: 'already_taken', message: 'taken', by: 'agent:ben', at: 5 });
  await assert.rejects(answer, (error) => error instanceof Refusal && error.by === 'agent:ben');
});

test('a refusal that names a time is tried again then', async () => {
  const { socket, wire } = await opened();
  socket.request({ type: 'say', conversation: 'c1', text: 'hi' }).catch(() => undefined);
  const { client_msg_id: id } = wire.sent.at(-1);
  await wire.give({ type: 'error', client_msg_id: id, code: 'busy', retry_after_ms: 500 });
  const before = wire.sent.length;
  clock.pass(500);
  assert.equal(wire.sent.length, before + 1);
  assert.equal(wire.sent.at(-1).client_msg_id, id);
});

test('it comes back after every code but those that say not to', async () => {
  for (const code of [1006, 1012, 3001, 3008, 4000]) {
    const { wire, seen } = await opened();
    wire.onclose({ code });
    assert.equal(seen.links.at(-1), 'offline', `after ${code}`);
    assert.deepEqual(seen.ended, []);
  }
  const { wire, seen } = await opened();
  wire.onclose({ code: 3503 });
  assert.equal(seen.ended.length, 1);
});

test('who is signed out is told so, and nobody tries again for ever', async () => {
  const { socket, seen } = made({
    ticket: async () => {
      throw Object.assign(new Error('no'), { status: 401 });
    },
  });
  socket.start();
  await settle();
  assert.deepEqual(seen.ended, ['signed_out']);
  clock.pass(60_000);
  assert.equal(FakeSocket.all.length, 0);
});

test('a line that falls silent is noticed: a ping after 20 s, a new connection after 10 more', async () => {
  const { wire, seen } = await opened();
  clock.pass(20_000);
  assert.deepEqual(wire.sent.at(-1), { type: 'ping' });
  clock.pass(10_000);
  assert.equal(seen.links.at(-1), 'offline');
  clock.pass(2_000);
  await settle();
  assert.equal(FakeSocket.all.length, 2);
});

test('a goaway decides how long it waits', async () => {
  const { wire } = await opened();
  await wire.give({ type: 'goaway', after_ms: 4_000 });
  wire.onclose({ code: 3001 });
  clock.pass(3_900);
  await settle();
  assert.equal(FakeSocket.all.length, 1);
  clock.pass(200);
  await settle();
  assert.equal(FakeSocket.all.length, 2);
});
