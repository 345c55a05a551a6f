/**
 * Which way to the server: a WebSocket, or, where those are blocked, HTTP requests that carry the same frames. After two
 * WebSockets that came to nothing HTTP is tried, then both in turn until one works. Who is on HTTP looks again and again
 * whether a WebSocket opens by now, and what was found out is remembered for ten minutes, so that the next page is quick.
 */

import { HttpSocket } from './httpsocket.js';
import { after } from './storage.js';

export const SUBPROTOCOL = 'kefu.v1.json';

const TRIES = 2;
const FIRST_LOOK_MS = 15_000;
const LONGEST_LOOK_MS = 600_000;
const LOOK_FOR_MS = 8_000;

export class Transports {
  #options;
  #failures = 0; // WebSockets in a row that came to nothing
  #kind = '';
  #whole = false; // answers come in one piece only: something on the way holds them back
  #lookMs = FIRST_LOOK_MS;
  #look = null; // a WebSocket that is to show whether one can be opened
  #onbetter = () => {};

  /**
   * @param {object} options url, httpUrl ('' to use WebSockets only), openSocket, fetch, timers (`Timers`), clock
   *   (setTimeout and clearTimeout), now, and kept (`Kept`): what was found out, for the next page
   */
  constructor(options) {
    this.#options = options;
  }

  get #hasHttp() {
    return Boolean(this.#options.httpUrl && this.#options.fetch);
  }

  /** 'websocket' or 'http'; '' before the first attempt. */
  get kind() {
    return this.#kind;
  }

  /** Recall what an earlier page found out. */
  load() {
    if (!this.#hasHttp) return undefined;
    return after(this.#options.kept.get(), (raw) => {
      const [kind, until] = String(raw ?? '').split(' ');
      if (Number(until) > this.#options.now()) {
        this.#failures = TRIES;
        this.#whole = kind === 'poll';
      }
    });
  }

  /** Give a socket, by the way that is to be tried now. */
  open() {
    const { url, httpUrl, openSocket, fetch, clock } = this.#options;
    this.#stopLooking();
    this.#kind = this.#hasHttp && this.#failures >= TRIES ? 'http' : 'websocket';
    if (this.#kind === 'websocket') return openSocket(url, [SUBPROTOCOL]);
    return new HttpSocket(httpUrl, {
      fetch,
      clock,
      whole: this.#whole,
      onwhole: () => {
        this.#whole = true;
      },
    });
  }

  /** This way works. `onbetter` is called when a better one does, too. */
  welcomed(onbetter) {
    const { kept, now } = this.#options;
    if (this.#kind === 'websocket') {
      this.#failures = 0;
      this.#lookMs = FIRST_LOOK_MS;
      if (this.#hasHttp) kept.change((raw) => (raw ? null : undefined));
    } else {
      kept.set(`${this.#whole ? 'poll' : 'stream'} ${now() + LONGEST_LOOK_MS}`);
      this.#onbetter = onbetter;
      this.#lookAgain();
    }
  }

  /** We may be in another network by now, without the wall that was found: look as soon as in the beginning. */
  wake() {
    if (this.#lookMs === FIRST_LOOK_MS) return; // it is soon anyway: who wakes us all the time must not put it off
    this.#lookMs = FIRST_LOOK_MS;
    if (this.#options.timers.has('look') && !this.#look) this.#lookAgain();
  }

  /** The connection ended; `worked` if it is known to have reached the server. */
  ended({ worked }) {
    this.#stopLooking();
    if (this.#kind === 'http') this.#failures = worked ? TRIES : TRIES - 1;
    else this.#failures = worked ? 0 : this.#failures + 1;
  }

  #lookAgain() {
    const { timers } = this.#options;
    timers.set('look', this.#lookMs, () => {
      this.#lookMs = Math.min(LONGEST_LOOK_MS, 2 * this.#lookMs);
      this.#lookNow();
    });
  }

  #lookNow() {
    const { url, openSocket, timers } = this.#options;
    const worse = () => {
      this.#stopLooking();
      this.#lookAgain();
    };
    try {
      const socket = openSocket(url, [SUBPROTOCOL]);
      this.#look = socket;
      const ours = (then) => () => socket === this.#look && then();
      timers.set('look', LOOK_FOR_MS, worse);
      socket.onopen = ours(() => {
        this.#stopLooking();
        this.#onbetter();
        this.#failures = 0; // what ended just now was left for a WebSocket
      });
      socket.onclose = ours(worse);
      socket.onerror = () => {}; // a close follows
    } catch {
      worse();
    }
  }

  #stopLooking() {
    const socket = this.#look;
    this.#look = null;
    this.#options.timers.stop('look');
    try {
      socket?.close(1000);
    } catch {
      // it was not open
    }
  }
}
