/**
 * The agent's socket: one connection that comes back by itself, and never misses or repeats a line.
 *
 * What changes something carries an id, and is kept until the server acknowledged or refused it: after an interruption
 * it is sent again under the same id. What conversations missed is asked for by the numbers that we hold of them.
 */

const WAITS_MS = [300, 800, 2_000, 4_000, 8_000, 15_000];
const SILENCE_MS = 20_000; // then we ask for a sign of life; scripts do not see the server's own pings
const PATIENCE_MS = 10_000; // for it to come
const TERMINAL = (code) => (code >= 3500 && code < 4000) || (code >= 4500 && code < 5000);

export class AgentSocket {
  /**
   * @param options.ticket gives a fresh single-use ticket
   * @param options.holds gives [{conversation, last_seq, last_internal}] of what is followed
   * @param options.onFrame takes what the server says
   * @param options.onLink takes 'online', 'connecting', 'offline'
   * @param options.onEnd takes the reason for which we must not come back
   */
  constructor({ ticket, holds, onFrame, onLink, onEnd, address = here(), Socket = WebSocket, random = Math.random, timers = globalThis }) {
    Object.assign(this, { ticket, holds, onFrame, onLink, onEnd, address, Socket, random, timers });
    this.waiting = new Map(); // id -> {frame, resolve, reject}
    this.tries = 0;
    this.stopped = false;
    this.ready = false;
  }

  start() {
    this.stopped = false;
    this.connect();
  }

  stop() {
    this.stopped = true;
    this.timers.clearTimeout(this.timer);
    this.timers.clearTimeout(this.watch);
    this.socket?.close(1000);
    for (const { reject } of this.waiting.values()) reject(new Refusal({ code: 'stopped', message: '' }));
    this.waiting.clear();
  }

  /** Come back now: the network is there again, or the page is looked at. */
  hurry() {
    if (this.ready || this.stopped) return;
    this.tries = 0;
    this.timers.clearTimeout(this.timer);
    if (!this.socket || this.socket.readyState > 1) this.connect();
  }

  /** Ask for something; gives what acknowledged it, throws `Refusal`. Repeated until one of both comes. */
  request(frame) {
    const id = frame.client_msg_id ?? identifier();
    return new Promise((resolve, reject) => {
      const full = { ...frame, client_msg_id: id };
      this.waiting.set(id, { frame: full, resolve, reject });
      this.tell(full);
    });
  }

  /** Say something that may be lost. */
  tell(frame) {
    if (this.ready) this.socket.send(JSON.stringify(frame));
  }

  async connect() {
    this.onLink('connecting');
    let ticket;
    try {
      ticket = await this.ticket();
    } catch (error) {
      if (error.status === 401) return this.end('signed_out');
      return this.again();
    }
    if (this.stopped) return undefined;
    const socket = new this.Socket(this.address, ['kefu.v1.json']);
    this.socket = socket;
    socket.onopen = () => socket.send(JSON.stringify({ type: 'hello', ticket, following: this.holds() }));
    socket.onmessage = (message) => this.socket === socket && this.took(message.data);
    socket.onclose = (event) => this.socket === socket && this.lost(event.code);
    this.alive();
    return undefined;
  }

  async took(data) {
    const frame = JSON.parse(typeof data === 'string' ? data : await data.text());
    this.alive();
    switch (frame.type) {
      case 'ping':
        return this.tell({ type: 'pong' });
      case 'goaway':
        this.pause = frame.after_ms;
        return undefined;
      case 'ack':
        return this.settle(frame.client_msg_id, ({ resolve }) => resolve(frame));
      case 'error':
        return this.refused(frame);
      case 'welcome':
        this.ready = true;
        this.tries = 0;
        this.onLink('online');
        this.onFrame(frame);
        for (const { frame: kept } of this.waiting.values()) this.tell(kept);
        return undefined;
      default:
        return this.onFrame(frame);
    }
  }

  refused(frame) {
    const kept = this.waiting.get(frame.client_msg_id);
    if (!kept) return this.onFrame(frame);
    if (frame.retry_after_ms) {
      this.timers.setTimeout(() => this.waiting.has(frame.client_msg_id) && this.tell(kept.frame), frame.retry_after_ms);
      return undefined;
    }
    return this.settle(frame.client_msg_id, ({ reject }) => reject(new Refusal(frame)));
  }

  settle(id, how) {
    const kept = this.waiting.get(id);
    this.waiting.delete(id);
    if (kept) how(kept);
  }

  lost(code) {
    this.ready = false;
    this.timers.clearTimeout(this.watch);
    if (this.stopped) return;
    if (TERMINAL(code) && code !== 3500) this.end(`closed_${code}`);
    else this.again();
  }

  again() {
    this.ready = false;
    if (this.stopped) return;
    this.onLink('offline');
    const wait = this.pause ?? WAITS_MS[Math.min(this.tries, WAITS_MS.length - 1)] * (0.7 + 0.6 * this.random());
    this.pause = undefined;
    this.tries += 1;
    this.timer = this.timers.setTimeout(() => this.connect(), wait);
  }

  end(reason) {
    this.stop();
    this.onEnd(reason);
  }

  alive() {
    this.timers.clearTimeout(this.watch);
    this.watch = this.timers.setTimeout(() => {
      this.tell({ type: 'ping' });
      this.watch = this.timers.setTimeout(() => this.silent(), PATIENCE_MS);
    }, SILENCE_MS);
  }

  silent() {
    const socket = this.socket;
    this.socket = null; // its close event comes minutes later, if at all
    socket?.close(4000);
    this.again();
  }
}

/** The server refused what was asked. */
export class Refusal extends Error {
  constructor({ code, message, by = '', at = 0 }) {
    super(message);
    Object.assign(this, { code, by, at });
  }
}

/** A new id: 22 characters that nobody guesses. */
export function identifier() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').slice(0, 22);
}

const here = () => `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/v1/ws`;
