/** What the visitor does that is told and not stored: typing, and seeing. */

import { after } from './storage.js';

const TYPING_EVERY_MS = 3_000; // the server takes a visitor to have stopped after 6 s
const PREVIEW_EVERY_MS = 1_000;
const TYPING_ENDS_MS = 5_000;
const MAX_PREVIEW = 500;

export class Presence {
  #send;
  #timers;
  #now;
  #seen;
  #typedAt = 0;
  #told = 0;

  /** The last event that was shown. */
  seq = 0;

  /**
   * @param {Kept} seen `seq`, for the next page
   * @param {object} options send, timers (`Timers`), now
   */
  constructor(seen, { send, timers, now }) {
    this.#seen = seen;
    this.#send = send;
    this.#timers = timers;
    this.#now = now;
  }

  load() {
    return after(this.#seen.get(), (seq) => {
      this.seq = Math.max(this.seq, Number(seq) || 0);
    });
  }

  /** A key was pressed; `text` is what an agent is to see of it. */
  typing(text = '') {
    const wait = this.#typedAt + (text ? PREVIEW_EVERY_MS : TYPING_EVERY_MS) - this.#now();
    this.#timers.set('typing', TYPING_ENDS_MS, () => this.stopTyping());
    if (wait <= 0) this.#tellTyping(text);
    else if (text) this.#timers.set('preview', wait, () => this.#tellTyping(text)); // the last letters count
  }

  #tellTyping(text) {
    this.#timers.stop('preview');
    this.#typedAt = this.#now();
    this.#send(text ? { type: 'typing', on: true, text: text.slice(0, MAX_PREVIEW) } : { type: 'typing', on: true });
  }

  stopTyping() {
    this.#timers.stop('typing', 'preview');
    if (!this.#typedAt) return;
    this.#typedAt = 0;
    this.#send({ type: 'typing', on: false });
  }

  /** The connection ended, and with it what was told over it. */
  interrupt() {
    this.#timers.stop('typing', 'preview');
    this.#typedAt = 0;
    this.#told = 0;
  }

  /** All up to an event was shown; false if that was known. */
  saw(seq) {
    if (seq <= this.seq) return false;
    this.seq = seq;
    this.#seen.set(String(seq));
    return true;
  }

  /** Tell what was seen of the events up to the last one, once a connection. */
  tellSeen(lastSeq) {
    if (this.seq <= this.#told) return;
    this.#told = this.seq;
    this.#send({ type: 'read', seq: Math.min(this.seq, lastSeq) });
  }
}
