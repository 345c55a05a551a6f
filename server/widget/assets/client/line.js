/**
 * A connection that stays: it comes back when it was lost, sooner or later as the server says or as the pauses grow,
 * and finds out by itself that it is dead. What is said over it, is none of its business.
 */

import { after } from './storage.js';

const OPEN_MS = 8_000; // for a socket to open: a wall that swallows WebSockets says nothing at all
const WELCOME_MS = 15_000; // from opening a socket to the welcome
const PONG_MS = 10_000;
const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 30_000;
const STEADY_MS = 5_000; // a connection that lived that long sets the pauses back to the first one

export const LOST = 1006;

/** Whether a client may come back after a socket was closed with a code: 1006 and the like yes, from 3500 on no. */
export function comesBack(code) {
  return !(code >= 3500 && code < 4000);
}

export class Line {
  #options;
  #wanted = false;
  #status = 'idle';
  #socket = null;
  #attempt = 0; // connections tried since the last steady one
  #onlineSince = 0;
  #heardAt = 0;
  #pingMs = 25_000;

  /** The close code that stopped us. */
  code = 0;

  /** How long to stay away after the next end, if somebody said so. */
  comeBackMs = null;

  /**
   * @param {object} options transports, timers (`Timers`), now, random, and what is told:
   *   `ready()` before each attempt, `greeting()` gives the first frame, `onframe(frame)`, `onstatus(status)`,
   *   `onend()` when a connection ended, and `renew(code)`, which gives something if the client is to come back at
   *   once although the code says no; both may give promises.
   */
  constructor(options) {
    this.#options = options;
  }

  get status() {
    return this.#status;
  }

  get idle() {
    return !this.#socket && this.#status !== 'connecting';
  }

  connect() {
    this.#wanted = true;
    this.code = 0;
    if (!this.idle) return;
    this.#options.timers.stop('retry');
    this.#open();
  }

  /** Go offline and stay there. */
  close() {
    this.#wanted = false;
    this.drop(1000);
  }

  /** Connect now if we wait, or see at once whether the socket still lives. */
  wake() {
    this.#options.transports.wake();
    if (this.#status === 'waiting') {
      this.#attempt = 0;
      this.connect();
    } else if (this.#status === 'online') {
      this.#ping();
    }
  }

  /** The network is gone: do not trust the socket any longer. */
  lost() {
    if (this.#socket) this.drop(LOST);
  }

  /** The server said welcome. */
  welcomed(pingMs) {
    this.#pingMs = pingMs;
    this.#options.timers.stop('open', 'welcome');
    this.#onlineSince = this.#options.now();
    this.#options.transports.welcomed(() => {
      this.comeBackMs = 0;
      this.drop(LOST);
    });
    this.#setStatus('online');
    this.#heard();
  }

  /** Send a frame, if the server said welcome; gives whether it did. */
  send(frame) {
    if (this.#status !== 'online') return false;
    this.#transmit(frame);
    return this.#status === 'online';
  }

  /** Leave a socket without waiting for its goodbye. */
  drop(code) {
    const socket = this.#socket;
    this.#socket = null;
    try {
      socket?.close(1000);
    } catch {
      // it was not open
    }
    this.#closed(code);
  }

  #open() {
    const { timers, transports, ready, greeting } = this.#options;
    this.#setStatus('connecting');
    this.#attempt += 1;
    this.comeBackMs = null;
    timers.set('welcome', WELCOME_MS, () => this.drop(LOST));
    after(ready(), () => {
      if (this.#status !== 'connecting' || this.#socket) return;
      let socket;
      try {
        socket = transports.open();
      } catch {
        this.#closed(LOST);
        return;
      }
      this.#socket = socket;
      timers.set('open', OPEN_MS, () => this.drop(LOST));
      const ours = (handle) => (event) => socket === this.#socket && handle(event);
      socket.onopen = ours(() => {
        timers.stop('open');
        this.#transmit(greeting());
      });
      socket.onmessage = ours((message) => this.#take(message.data));
      socket.onclose = ours((close) => this.#closed(close?.code ?? LOST));
      socket.onerror = () => {}; // a close follows
    });
  }

  #closed(code) {
    const { timers, transports, onend, renew, now } = this.#options;
    const wasOnline = this.#status === 'online';
    if (wasOnline && now() - this.#onlineSince > STEADY_MS) this.#attempt = 0;
    this.#socket = null;
    timers.stop('open', 'welcome', 'quiet', 'pong');
    transports.ended({ worked: wasOnline || code >= 3000 });
    onend();
    if (!this.#wanted) return this.#setStatus('idle');
    const renewed = renew(code);
    if (renewed) return after(renewed, () => this.#comeBack(0));
    if (comesBack(code)) return this.#comeBack(this.comeBackMs ?? this.#pause());
    this.#wanted = false;
    this.code = code;
    return this.#setStatus('stopped');
  }

  #comeBack(ms) {
    this.#setStatus('waiting');
    this.#options.timers.set('retry', ms, () => this.#wanted && this.#open());
  }

  /** Twice as long each time, and a random half of it, so that a thousand clients do not come back at once. */
  #pause() {
    const longest = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.max(0, this.#attempt - 1));
    return longest * (0.5 + this.#options.random() / 2);
  }

  #take(data) {
    this.#heard();
    let frame;
    try {
      frame = JSON.parse(data);
    } catch {
      return;
    }
    if (frame.type === 'ping') this.#transmit({ type: 'pong' });
    else if (frame.type === 'goaway') this.comeBackMs = frame.after_ms ?? 0;
    else this.#options.onframe(frame);
  }

  #transmit(frame) {
    try {
      this.#socket?.send(JSON.stringify(frame));
    } catch {
      this.drop(LOST);
    }
  }

  /** The server's own pings cannot be seen from here; who hears nothing for a while asks. */
  #heard() {
    const { timers, now } = this.#options;
    this.#heardAt = now();
    timers.stop('pong');
    if (!timers.has('quiet')) this.#watch(this.#pingMs);
  }

  #watch(ms) {
    const { timers, now } = this.#options;
    timers.set('quiet', ms, () => {
      const silent = now() - this.#heardAt;
      if (silent < this.#pingMs) this.#watch(this.#pingMs - silent);
      else this.#ping();
    });
  }

  #ping() {
    this.send({ type: 'ping' });
    this.#options.timers.set('pong', PONG_MS, () => this.drop(LOST));
  }

  #setStatus(status) {
    if (status === this.#status) return;
    this.#status = status;
    this.#options.onstatus(status);
  }
}
