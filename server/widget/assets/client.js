/**
 * A client of the protocol kefu.v1 for browsers, React Native, mini-programs and Node: no DOM, nothing but a socket,
 * a storage and timers, each of which can be given. docs/PROTOCOL.md explains the frames.
 *
 *     const client = new Client({ url: 'wss://help.shop.example/v1/ws', key: 'wk_…' });
 *     client.on('change', () => render(client.events, client.pending));
 *     client.connect();
 *     client.say('Where is my parcel?');
 *
 * What is said is kept in the storage and sent again under the same id until the server has it, in the order in which
 * it was said, whatever happens to the network or to the page in between.
 */

export const SUBPROTOCOL = 'kefu.v1.json';

const WELCOME_MS = 15_000; // from opening a socket to the welcome
const ACK_MS = 15_000; // for a message to be acknowledged, else the connection is taken to be dead
const PONG_MS = 10_000;
const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 30_000;
const STEADY_MS = 5_000; // a connection that lived that long sets the pauses back to the first one
const TYPING_EVERY_MS = 3_000; // the server takes a visitor to have stopped after 6 s
const TYPING_ENDS_MS = 5_000;
const HISTORY_PAGE = 50;
const AGAIN = new Set(['rate_limited', 'busy', 'unavailable']); // refusals that a later try may turn around
const EXPIRED = 3005;
const BAD_TOKEN = 3500;

/** Whether a client may come back after a socket was closed with a code: 1006 and the like yes, from 3500 on no. */
export function comesBack(code) {
  return !(code >= 3500 && code < 4000);
}

/** A storage for where there is none: what is in it lasts as long as the program. */
export function memoryStorage() {
  const values = new Map();
  return {
    getItem: (name) => values.get(name) ?? null,
    setItem: (name, value) => void values.set(name, String(value)),
    removeItem: (name) => void values.delete(name),
  };
}

/** The page's storage if it can be used (it may be blocked or full), else one in memory. */
export function defaultStorage() {
  try {
    const storage = globalThis.localStorage;
    storage.setItem('kefu:probe', '1');
    storage.removeItem('kefu:probe');
    return storage;
  } catch {
    return memoryStorage();
  }
}

export class Client {
  #options;
  #listeners = new Map();
  #wanted = false;
  #status = 'idle';
  #code = 0; // the close code that stopped us
  #socket = null;
  #attempt = 0; // connections tried since the last steady one
  #onlineSince = 0;
  #helloToken = '';
  #comeBackMs = null; // as a goaway said
  #timers = new Map();
  #conversation = '';
  #events = [];
  #lastSeq = 0;
  #more = false;
  #asking = false; // for a page of history
  #outbox;
  #pending = [];
  #inflight = '';
  #retryUntil = 0;
  #chunks = new Map();
  #typers = new Map();
  #readBy = new Map();
  #readSeq = 0;
  #readSent = 0;
  #typedAt = 0;
  #pingMs = 25_000;
  #maxBytes = 65_536;
  #heardAt = 0;
  #loaded = null;

  /**
   * @param {object} options
   * @param {string} options.url of the endpoint: wss://HOST/v1/ws
   * @param {string} options.key the widget's publishable key
   * @param {string} [options.user] who the visitor is, as your site knows them
   * @param {string} [options.signature] hex HMAC-SHA256 of `user`, made by your server with the key's identity secret
   * @param {string} [options.language] such as zh-CN
   * @param {string} [options.page] where the visitor is
   * @param {string} [options.name] of the program, for the server's logs
   * @param {object} [options.storage] getItem, setItem, removeItem: at once as localStorage, or with promises
   * @param {Function} [options.openSocket] (url, protocols) => WebSocket
   * @param {object} [options.timers] setTimeout, clearTimeout
   * @param {Function} [options.now] milliseconds
   * @param {Function} [options.random] from 0 to 1
   */
  constructor(options) {
    this.#options = {
      user: '',
      signature: '',
      language: '',
      page: '',
      name: 'kefu-client.js',
      openSocket: (url, protocols) => new WebSocket(url, protocols),
      timers: { setTimeout: (f, ms) => setTimeout(f, ms), clearTimeout: (id) => clearTimeout(id) },
      now: () => Date.now(),
      random: () => Math.random(),
      ...options,
    };
    const storage = this.#options.storage ?? defaultStorage();
    // Whoever signs in on the page gets a conversation of their own, and so do two widgets of one origin.
    const space = `kefu:${this.#options.key}:${this.#options.user}`;
    this.#outbox = new Kept(storage, `${space}:outbox`);
    this.token = new Kept(storage, `${space}:token`);
    this.seen = new Kept(storage, `${space}:read`);
  }

  // -- what a program looks at

  /** 'idle', 'connecting', 'online', 'waiting' (to connect again) or 'stopped' (`code` says why). */
  get status() {
    return this.#status;
  }

  get code() {
    return this.#code;
  }

  get conversation() {
    return this.#conversation;
  }

  /** Events in their order, without gaps. */
  get events() {
    return this.#events;
  }

  /** What was said and is not among the events yet: {client_msg_id, frame, label, at, failed}. */
  get pending() {
    return this.#pending;
  }

  /** Pieces of a reply that is being worded, by turn. */
  get chunks() {
    return this.#chunks;
  }

  /** Who types, but for us. */
  get typers() {
    return [...this.#typers.keys()];
  }

  /** Whether there are events before the first one. */
  get more() {
    return this.#more;
  }

  /** How many replies were not marked as read. */
  get unread() {
    return this.#events.filter((event) => event.seq > this.#readSeq && isReply(event)).length;
  }

  /** The last event that somebody other than the visitor saw. */
  get readByOthers() {
    const seqs = [...this.#readBy].filter(([author]) => author !== 'visitor').map(([, seq]) => seq);
    return Math.max(0, ...seqs);
  }

  /**
   * Be told: 'change' (anything that can be looked at), 'status', 'event' (event, {live}), 'failed' (pending item),
   * 'problem' (error frame). Gives a function that ends it.
   */
  on(name, listener) {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  // -- what a program does

  /** Connect, and stay connected until `close`. */
  connect() {
    this.#wanted = true;
    this.#code = 0;
    if (this.#socket || this.#status === 'connecting') return;
    this.#loaded ??= after(this.#load(), () => true);
    this.#stopTimer('retry');
    this.#open();
  }

  close() {
    this.#wanted = false;
    this.#drop(1000);
  }

  /** The network is back, or the page is looked at again: connect now, or see at once whether the socket still lives. */
  wake() {
    if (this.#status === 'waiting') {
      this.#attempt = 0;
      this.connect();
    } else if (this.#status === 'online') {
      this.#ping();
    }
  }

  /** The network is gone: do not trust the socket any longer. */
  lost() {
    if (this.#socket) this.#drop(1006);
  }

  /** Say something; gives its id. */
  say(text) {
    return this.#submit({ type: 'say', text }, text);
  }

  /** Press a choice of a reply. */
  choose(choice, about) {
    return this.#submit({ type: 'action', action: 'choose', value: choice.entry_id, about }, choice.label);
  }

  askForPerson(label = '') {
    return this.#submit({ type: 'action', action: 'human' }, label);
  }

  /** Rate a reply. */
  rate(up, about) {
    return this.#submit({ type: 'action', action: 'feedback', value: up ? 'up' : 'down', about }, '');
  }

  /** Send what failed once more, as a new message. */
  retry(id) {
    const item = this.#pending.find((each) => each.client_msg_id === id && each.failed);
    if (!item) return;
    this.discard(id);
    this.#submit(item.frame, item.label);
  }

  /** Forget what failed. */
  discard(id) {
    this.#forget(id);
    this.#emit('change');
  }

  /** The visitor presses keys; call it as often as you like. */
  typing() {
    const now = this.#options.now();
    this.#timer('typing', TYPING_ENDS_MS, () => this.#stopTyping());
    if (now - this.#typedAt < TYPING_EVERY_MS) return;
    this.#typedAt = now;
    this.#send({ type: 'typing', on: true });
  }

  /** All up to an event was shown. */
  read(seq = this.#lastSeq) {
    if (seq <= this.#readSeq) return;
    this.#readSeq = seq;
    this.seen.set(String(seq));
    this.#sendRead();
    this.#emit('change');
  }

  /** Ask for the events before the first one. */
  older() {
    if (this.#status !== 'online' || !this.#more || this.#asking || !this.#events.length) return;
    this.#asking = true;
    this.#send({ type: 'history', before: this.#events[0].seq, limit: HISTORY_PAGE });
  }

  // -- connecting

  #load() {
    return after(this.#outbox.get(), (raw) => {
      const known = new Set(this.#pending.map((item) => item.client_msg_id));
      this.#pending = [...listOf(raw).filter((item) => !known.has(item.client_msg_id)), ...this.#pending];
      return after(this.seen.get(), (seq) => {
        this.#readSeq = Math.max(this.#readSeq, Number(seq) || 0);
      });
    });
  }

  #open() {
    this.#setStatus('connecting');
    this.#attempt += 1;
    this.#comeBackMs = null;
    this.#timer('welcome', WELCOME_MS, () => this.#drop(1006));
    after(this.#loaded, () =>
      after(this.token.get(), (token) => {
        if (this.#status !== 'connecting' || this.#socket) return;
        this.#helloToken = token ?? '';
        let socket;
        try {
          socket = this.#options.openSocket(this.#options.url, [SUBPROTOCOL]);
        } catch {
          this.#closed(1006);
          return;
        }
        this.#socket = socket;
        const ours = (handle) => (event) => socket === this.#socket && handle(event);
        socket.onopen = ours(() => this.#hello());
        socket.onmessage = ours((message) => this.#take(message.data));
        socket.onclose = ours((close) => this.#closed(close?.code ?? 1006));
        socket.onerror = () => {}; // a close follows
      }),
    );
  }

  #hello() {
    const { key, user, signature, language, page, name } = this.#options;
    const hello = { type: 'hello', key, language, page: page.slice(0, 500), client: name };
    if (this.#helloToken) hello.token = this.#helloToken;
    else if (user) Object.assign(hello, { user, signature });
    if (this.#conversation) hello.resume = { conversation: this.#conversation, last_seq: this.#lastSeq };
    this.#send(hello, { greeting: true });
  }

  /** Leave a socket without waiting for its goodbye. */
  #drop(code) {
    const socket = this.#socket;
    this.#socket = null;
    try {
      socket?.close(1000);
    } catch {
      // it was not open
    }
    this.#closed(code);
  }

  #closed(code) {
    const steady = this.#status === 'online' && this.#options.now() - this.#onlineSince > STEADY_MS;
    if (steady) this.#attempt = 0;
    this.#socket = null;
    this.#inflight = '';
    this.#retryUntil = 0;
    this.#asking = false;
    this.#typedAt = 0;
    this.#chunks.clear();
    this.#typers.clear();
    this.#stopTimer('welcome', 'ack', 'quiet', 'pong', 'typing', 'again');
    if (!this.#wanted) return this.#setStatus('idle');
    // A token that the server does not take any more: begin anew with the key, which is tried once, without a token.
    if (this.#helloToken && this.#options.key && (code === EXPIRED || code === BAD_TOKEN)) {
      return after(this.#forgetToken(this.#helloToken), () => this.#comeBack(0));
    }
    if (comesBack(code)) return this.#comeBack(this.#comeBackMs ?? this.#pause());
    this.#wanted = false;
    this.#code = code;
    return this.#setStatus('stopped');
  }

  #comeBack(ms) {
    this.#setStatus('waiting');
    this.#timer('retry', ms, () => this.#wanted && this.#open());
  }

  /** Twice as long each time, and a random half of it, so that a thousand clients do not come back at once. */
  #pause() {
    const longest = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.max(0, this.#attempt - 1));
    return longest * (0.5 + this.#options.random() / 2);
  }

  #forgetToken(token) {
    this.#void();
    this.#conversation = '';
    return after(this.token.get(), (stored) => (stored === token ? this.token.remove() : undefined));
  }

  // -- what comes in

  #take(data) {
    this.#heard();
    let frame;
    try {
      frame = JSON.parse(data);
    } catch {
      return;
    }
    const handle = {
      welcome: () => this.#welcome(frame),
      event: () => this.#event(frame),
      ack: () => this.#acknowledged(frame),
      chunk: () => this.#chunk(frame),
      typing: () => this.#typer(frame),
      read: () => this.#readBy.set(frame.author ?? '', frame.seq),
      page: () => this.#page(frame),
      goaway: () => {
        this.#comeBackMs = frame.after_ms ?? 0;
      },
      error: () => this.#problem(frame),
      ping: () => this.#send({ type: 'pong' }),
    }[frame.type];
    if (!handle) return; // a pong, or something that a later server says
    handle();
    this.#emit('change');
  }

  #welcome(frame) {
    after(this.token.get(), (stored) => {
      if (stored && stored !== this.#helloToken && !this.#helloToken) {
        this.#comeBackMs = 0; // another tab of this visitor was first: join its conversation
        this.#drop(1006);
        return;
      }
      this.token.set(frame.token);
      this.#stopTimer('welcome');
      this.#pingMs = (frame.ping_s ?? 25) * 1000;
      this.#maxBytes = frame.max_bytes ?? 65_536;
      this.#onlineSince = this.#options.now();
      const events = frame.events ?? [];
      const continues = frame.recovered && frame.conversation === this.#conversation && this.#fits(events);
      this.#conversation = frame.conversation;
      if (!continues) {
        this.#void();
        this.#more = events.length > 0 && events[0].seq > 1;
        this.#pending = this.#pending.filter((item) => !item.stored);
      }
      for (const event of events) this.#add(event, { live: continues });
      this.#lastSeq = Math.max(this.#lastSeq, frame.last_seq);
      this.#setStatus('online');
      this.#heard();
      this.#readSent = 0;
      this.#sendRead();
      this.#flush();
    });
  }

  /** Whether events follow what we have without a gap. */
  #fits(events) {
    return events.every((event, place) => event.seq <= this.#lastSeq + place + 1);
  }

  #void() {
    this.#events = [];
    this.#lastSeq = 0;
    this.#more = false;
    this.#readBy.clear();
  }

  #event(event) {
    if (event.seq > this.#lastSeq + 1) {
      this.#comeBackMs = 0; // something is missing: resume from the last one that we have
      this.#drop(1006);
      return;
    }
    this.#add(event, { live: true });
  }

  #add(event, how) {
    if (event.seq <= this.#lastSeq) return;
    this.#lastSeq = event.seq;
    this.#events.push(event);
    if (event.client_msg_id) this.#settle(event.client_msg_id);
    if (isReply(event)) {
      this.#chunks.delete(event.turn);
      this.#typers.delete(event.author);
    }
    this.#emit('event', event, how);
  }

  #page(frame) {
    this.#asking = false;
    const first = this.#events[0]?.seq ?? Infinity;
    this.#events = [...(frame.events ?? []).filter((event) => event.seq < first), ...this.#events];
    this.#more = Boolean(frame.more);
  }

  #chunk(frame) {
    if (frame.aborted) this.#chunks.delete(frame.turn);
    else this.#chunks.set(frame.turn, (this.#chunks.get(frame.turn) ?? '') + (frame.text ?? ''));
  }

  #typer(frame) {
    const author = frame.author ?? '';
    if (frame.on === false) {
      this.#typers.delete(author);
    } else if (author !== 'visitor') {
      this.#typers.set(author, true);
      this.#timer(`typer ${author}`, 8_000, () => {
        this.#typers.delete(author);
        this.#emit('change');
      });
    }
  }

  #problem(frame) {
    const id = frame.client_msg_id ?? '';
    const item = this.#pending.find((each) => each.client_msg_id === id);
    if (item && AGAIN.has(frame.code)) {
      this.#inflight = '';
      this.#stopTimer('ack');
      const wait = Math.max(200, frame.retry_after_ms ?? 1000);
      this.#retryUntil = this.#options.now() + wait;
      this.#timer('again', wait, () => {
        this.#retryUntil = 0;
        this.#flush();
      });
    } else if (item) {
      this.#fail(item, frame.code, frame.message);
    }
    this.#emit('problem', frame);
  }

  // -- the outbox

  #submit(frame, label) {
    const id = newId();
    const item = { client_msg_id: id, frame: { ...frame, client_msg_id: id }, label, at: this.#options.now() };
    this.#pending = [...this.#pending, item];
    this.#outbox.change((raw) => JSON.stringify([...listOf(raw), item]));
    this.#stopTyping();
    this.#flush();
    this.#emit('change');
    return id;
  }

  /** Send the first that waits. One at a time: a refusal of one must not let the next overtake it. */
  #flush() {
    if (this.#status !== 'online' || this.#inflight || this.#retryUntil > this.#options.now()) return;
    const item = this.#pending.find((each) => !each.failed && !each.stored);
    if (!item) return;
    if (bytesOf(JSON.stringify(item.frame)) > this.#maxBytes) {
      this.#fail(item, 'bad_value', 'too long');
      return;
    }
    this.#inflight = item.client_msg_id;
    this.#timer('ack', ACK_MS, () => this.#drop(1006));
    this.#send(item.frame);
  }

  #acknowledged(frame) {
    const item = this.#pending.find((each) => each.client_msg_id === frame.client_msg_id);
    if (item) item.stored = true;
    const shown = this.#events.some((event) => event.client_msg_id === frame.client_msg_id);
    if (shown || frame.seq <= this.#lastSeq) this.#forget(frame.client_msg_id);
    else this.#unkeep(frame.client_msg_id); // its event is on the way; until then it stands among the pending
    this.#next(frame.client_msg_id);
  }

  /** An event is as good as an acknowledgement. */
  #settle(id) {
    this.#forget(id);
    this.#next(id);
  }

  #next(id) {
    if (this.#inflight === id) {
      this.#inflight = '';
      this.#stopTimer('ack');
    }
    this.#flush();
  }

  #fail(item, code, message) {
    item.failed = { code, message };
    this.#unkeep(item.client_msg_id);
    this.#emit('failed', item);
    this.#next(item.client_msg_id);
  }

  #forget(id) {
    this.#pending = this.#pending.filter((item) => item.client_msg_id !== id);
    this.#unkeep(id);
  }

  #unkeep(id) {
    this.#outbox.change((raw) => {
      const items = listOf(raw);
      const left = items.filter((item) => item.client_msg_id !== id);
      if (left.length === items.length) return undefined;
      return left.length ? JSON.stringify(left) : null;
    });
  }

  // -- what goes out

  #send(frame, { greeting = false } = {}) {
    if (!this.#socket || (!greeting && this.#status !== 'online')) return;
    try {
      this.#socket.send(JSON.stringify(frame));
    } catch {
      this.#drop(1006);
    }
  }

  #sendRead() {
    if (this.#status !== 'online' || !this.#events.length || this.#readSeq <= this.#readSent) return;
    this.#readSent = this.#readSeq;
    this.#send({ type: 'read', seq: Math.min(this.#readSeq, this.#lastSeq) });
  }

  #stopTyping() {
    this.#stopTimer('typing');
    if (!this.#typedAt) return;
    this.#typedAt = 0;
    this.#send({ type: 'typing', on: false });
  }

  /** The server's own pings cannot be seen from here; who hears nothing for a while asks. */
  #heard() {
    this.#heardAt = this.#options.now();
    this.#stopTimer('pong');
    if (!this.#timers.has('quiet')) this.#watch(this.#pingMs);
  }

  #watch(ms) {
    this.#timer('quiet', ms, () => {
      const silent = this.#options.now() - this.#heardAt;
      if (silent < this.#pingMs) this.#watch(this.#pingMs - silent);
      else this.#ping();
    });
  }

  #ping() {
    this.#send({ type: 'ping' });
    this.#timer('pong', PONG_MS, () => this.#drop(1006));
  }

  #timer(name, ms, then) {
    this.#stopTimer(name);
    const { timers } = this.#options;
    const id = timers.setTimeout(() => {
      this.#timers.delete(name);
      then();
    }, ms);
    this.#timers.set(name, id);
  }

  #stopTimer(...names) {
    for (const name of names) {
      if (this.#timers.has(name)) this.#options.timers.clearTimeout(this.#timers.get(name));
      this.#timers.delete(name);
    }
  }

  #setStatus(status) {
    if (status === this.#status) return;
    this.#status = status;
    this.#emit('status', status);
    this.#emit('change');
  }

  #emit(name, ...values) {
    for (const listener of this.#listeners.get(name) ?? []) listener(...values);
  }
}

/** One value of a storage that may answer at once or later; changes are made in the order in which they are asked for. */
class Kept {
  #storage;
  #name;
  #last;

  constructor(storage, name) {
    this.#storage = storage;
    this.#name = name;
  }

  get() {
    return after(this.#last, () => quietly(() => this.#storage.getItem(this.#name)));
  }

  set(value) {
    return this.change(() => value);
  }

  remove() {
    return this.change(() => null);
  }

  /** Read, change and write; undefined leaves it, null removes it. Other tabs write, too, so it is always read. */
  change(how) {
    this.#last = after(this.#last, () =>
      after(quietly(() => this.#storage.getItem(this.#name)), (raw) => {
        const value = how(raw);
        if (value === undefined) return undefined;
        return quietly(() =>
          value === null ? this.#storage.removeItem(this.#name) : this.#storage.setItem(this.#name, value),
        );
      }),
    );
    return this.#last;
  }
}

/** Go on with a value: at once if it is there, so that a message is kept before a page that is left is gone. */
function after(value, then) {
  return typeof value?.then === 'function' ? value.then(then) : then(value);
}

/** A storage that is full or forbidden costs only what a reload would have brought back. */
function quietly(work) {
  try {
    const value = work();
    return typeof value?.then === 'function' ? value.then((found) => found, () => undefined) : value;
  } catch {
    return undefined;
  }
}

function listOf(raw) {
  try {
    const items = JSON.parse(raw ?? '[]');
    return Array.isArray(items) ? items.filter((item) => item?.client_msg_id && item.frame) : [];
  } catch {
    return [];
  }
}

function isReply(event) {
  return event.author !== 'visitor' && (event.kind === 'replied' || event.kind === 'spoke');
}

function bytesOf(text) {
  let bytes = 0;
  for (const each of text) {
    const code = each.codePointAt(0);
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return bytes;
}

/** 22 characters from 128 random bits; where there is no good source of them, the time keeps ids of one client apart. */
function newId() {
  const bytes = new Uint8Array(16);
  if (globalThis.crypto?.getRandomValues) {
    globalThis.crypto.getRandomValues(bytes);
  } else {
    let time = Date.now();
    for (let place = 0; place < 16; place += 1) {
      bytes[place] = place < 6 ? time % 256 : Math.random() * 256;
      time = Math.floor(time / 256);
    }
  }
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  let id = '';
  for (let bit = 0; bit < 128; bit += 6) {
    const at = bit >> 3;
    const pair = (bytes[at] << 8) | (bytes[at + 1] ?? 0);
    id += letters[(pair >> (10 - (bit & 7))) & 63];
  }
  return id;
}
