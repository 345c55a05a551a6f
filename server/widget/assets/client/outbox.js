/**
 * What was said and is not among the events yet. It is kept in the storage until the server has it, so that the next
 * page sends what this one could not, in the order in which it was said and under the same ids.
 *
 * An item is {client_msg_id, frame, label, at, files}; `stored` once it is acknowledged, `failed` if it was refused.
 */

import { newId } from './ids.js';
import { after } from './storage.js';

const ACK_MS = 15_000; // for a message to be acknowledged, else the connection is taken to be dead
const AGAIN = new Set(['rate_limited', 'busy', 'unavailable']); // refusals that a later try may turn around

export class Outbox {
  #kept;
  #options;
  #inflight = ''; // the id of the one that was sent and is not acknowledged
  #retryUntil = 0;

  /** In the order in which they were said. */
  items = [];

  /** What the server takes at most of one frame. */
  maxBytes = 65_536;

  /**
   * @param {Kept} kept
   * @param {object} options timers (`Timers`), now, `send(frame)`, which gives whether we are online, and what is told:
   *   `onfailed(item)`, `onlate()` when a message is not acknowledged in time
   */
  constructor(kept, options) {
    this.#kept = kept;
    this.#options = options;
  }

  /** Take over what an earlier page left; at once, if the storage answers at once. */
  load() {
    return after(this.#kept.get(), (raw) => {
      const known = new Set(this.items.map((item) => item.client_msg_id));
      this.items = [...listOf(raw).filter((item) => !known.has(item.client_msg_id)), ...this.items];
    });
  }

  /** @returns its id */
  add(frame, label, files = []) {
    const id = newId();
    const item = { client_msg_id: id, frame: { ...frame, client_msg_id: id }, label, files, at: this.#options.now() };
    this.items = [...this.items, item];
    this.#kept.change((raw) => JSON.stringify([...listOf(raw), item]));
    return id;
  }

  find(id) {
    return this.items.find((item) => item.client_msg_id === id);
  }

  /** Send the first that waits. One at a time: a refusal of one must not let the next overtake it. */
  flush() {
    const { timers, now, send, onlate } = this.#options;
    if (this.#inflight || this.#retryUntil > now()) return;
    const item = this.items.find((each) => !each.failed && !each.stored);
    if (!item) return;
    if (bytesOf(JSON.stringify(item.frame)) > this.maxBytes) {
      this.#fail(item, { code: 'bad_value', message: 'too long' });
      return;
    }
    if (!send(item.frame)) return;
    this.#inflight = item.client_msg_id;
    timers.set('ack', ACK_MS, onlate);
  }

  /** The server has it. Unless its event is there it goes on standing here, until that comes. */
  acknowledged(id, { shown }) {
    const item = this.find(id);
    if (item) item.stored = true;
    if (shown) this.forget(id);
    else this.#unkeep(id);
    this.#next(id);
  }

  /** Its event is there, which is as good as an acknowledgement. */
  settle(id) {
    this.forget(id);
    this.#next(id);
  }

  /** The server refused something: for now, or for good. */
  refused({ client_msg_id: id = '', code, message, retry_after_ms: wait = 1000 }) {
    const { timers, now } = this.#options;
    const item = this.find(id);
    if (item && AGAIN.has(code)) {
      this.interrupt();
      this.#retryUntil = now() + Math.max(200, wait);
      timers.set('again', Math.max(200, wait), () => {
        this.#retryUntil = 0;
        this.flush();
      });
    } else if (item) {
      this.#fail(item, { code, message });
    }
  }

  /** The connection ended: what was sent and not acknowledged is to be sent again. */
  interrupt() {
    this.#inflight = '';
    this.#retryUntil = 0;
    this.#options.timers.stop('ack', 'again');
  }

  forget(id) {
    this.items = this.items.filter((item) => item.client_msg_id !== id);
    this.#unkeep(id);
  }

  /** Forget those that the server has: their events are there, or belong to what was voided. */
  forgetStored() {
    this.items = this.items.filter((item) => !item.stored);
  }

  #fail(item, failed) {
    item.failed = failed;
    this.#unkeep(item.client_msg_id);
    this.#options.onfailed(item);
    this.#next(item.client_msg_id);
  }

  #next(id) {
    if (this.#inflight === id) {
      this.#inflight = '';
      this.#options.timers.stop('ack');
    }
    this.flush();
  }

  #unkeep(id) {
    this.#kept.change((raw) => {
      const items = listOf(raw);
      const left = items.filter((item) => item.client_msg_id !== id);
      if (left.length === items.length) return undefined;
      return left.length ? JSON.stringify(left) : null;
    });
  }
}

/** The size of a text in UTF-8. */
function bytesOf(text) {
  let bytes = 0;
  for (const each of text) {
    const code = each.codePointAt(0);
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return bytes;
}

function listOf(raw) {
  try {
    const items = JSON.parse(raw ?? '[]');
    return Array.isArray(items) ? items.filter((item) => item?.client_msg_id && item.frame) : [];
  } catch {
    return [];
  }
}
