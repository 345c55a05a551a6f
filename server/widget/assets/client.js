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

import { Files } from './client/files.js';
import { LOST, Line } from './client/line.js';
import { Listeners } from './client/listeners.js';
import { withDefaults } from './client/options.js';
import { Outbox } from './client/outbox.js';
import { Presence } from './client/presence.js';
import { Kept, after, defaultStorage } from './client/storage.js';
import { Timers } from './client/timers.js';
import { Transcript } from './client/transcript.js';
import { Transports } from './client/transports.js';

export { FileRefused } from './client/files.js';
export { comesBack } from './client/line.js';
export { defaultStorage, memoryStorage } from './client/storage.js';
export { SUBPROTOCOL } from './client/transports.js';

const HISTORY_PAGE = 50;
const EXPIRED = 3005;
const BAD_TOKEN = 3500;

export class Client {
  #options;
  #listeners = new Listeners();
  #line;
  #transports;
  #helloToken = '';
  #timers;
  #conversation = '';
  #transcript = new Transcript();
  #asking = false; // for a page of history
  #outbox;
  #presence;
  #loaded = null;

  /** @param {object} options as `withDefaults` explains them */
  constructor(options) {
    this.#options = withDefaults(options);
    this.#timers = new Timers(this.#options.timers);
    const storage = this.#options.storage ?? defaultStorage();
    // Whoever signs in on the page gets a conversation of their own, and so do two widgets of one origin.
    const space = `kefu:${this.#options.key}:${this.#options.user}`;
    this.#outbox = new Outbox(new Kept(storage, `${space}:outbox`), {
      timers: this.#timers,
      now: this.#options.now,
      send: (frame) => this.#line.send(frame),
      onfailed: (item) => this.#emit('failed', item),
      onlate: () => this.#line.drop(LOST),
    });
    this.token = new Kept(storage, `${space}:token`);
    this.#presence = new Presence(new Kept(storage, `${space}:read`), {
      send: (frame) => this.#line.send(frame),
      timers: this.#timers,
      now: this.#options.now,
    });
    this.files = new Files({
      url: this.#options.filesUrl,
      token: () => after(this.token.get(), (token) => token ?? ''),
      fetch: this.#options.fetch,
      transfer: this.#options.transfer,
      clock: this.#options.timers,
      random: this.#options.random,
    });
    this.#connectBy(new Kept(storage, `${space}:transport`));
  }

  // -- what a program looks at

  /** 'idle', 'connecting', 'online', 'waiting' (to connect again) or 'stopped' (`code` says why). */
  get status() {
    return this.#line.status;
  }

  get code() {
    return this.#line.code;
  }

  /** How the server is reached: 'websocket' or 'http'. */
  get transport() {
    return this.#transports.kind;
  }

  get conversation() {
    return this.#conversation;
  }

  /** Events in their order, without gaps. */
  get events() {
    return this.#transcript.events;
  }

  /** What was said and is not among the events yet: {client_msg_id, frame, label, at, failed}. */
  get pending() {
    return this.#outbox.items;
  }

  /** Pieces of a reply that is being worded, by turn. */
  get chunks() {
    return this.#transcript.chunks;
  }

  /** Who types, but for us. */
  get typers() {
    return [...this.#transcript.typers];
  }

  /** Whether there are events before the first one. */
  get more() {
    return this.#transcript.more;
  }

  /** How many replies were not marked as read. */
  get unread() {
    return this.#transcript.repliesAfter(this.#presence.seq);
  }

  /** The last event that somebody other than the visitor saw. */
  get readByOthers() {
    return this.#transcript.readByOthers;
  }

  /**
   * Be told: 'change' (anything that can be looked at), 'status', 'event' (event, {live}), 'failed' (pending item),
   * 'problem' (error frame). Gives a function that ends it.
   */
  on(name, listener) {
    return this.#listeners.on(name, listener);
  }

  // -- what a program does

  /** Connect, and stay connected until `close`. */
  connect() {
    this.#loaded ??= after(this.#load(), () => true);
    this.#line.connect();
  }

  close() {
    this.#line.close();
  }

  /** The network is back, or the page is looked at again: connect now, or see at once whether the socket still lives. */
  wake() {
    this.#line.wake();
    this.files.wake();
  }

  /** The network is gone: do not trust the socket any longer. */
  lost() {
    this.#line.lost();
  }

  /** Say something, with files as `files.upload` gave them; gives its id. */
  say(text, files = []) {
    const frame = { type: 'say', text };
    if (files.length) frame.files = files.map((file) => file.id);
    return this.#submit(frame, text, files);
  }

  /** Press a choice of a reply. */
  choose(choice, about) {
    return this.#submit({ type: 'action', action: 'choose', value: choice.entry_id, about }, choice.label);
  }

  askForPerson(label = '') {
    return this.#submit({ type: 'action', action: 'human' }, label);
  }

  /** Press a button of what the system told: {action, value, label, text}. */
  press({ action, value = '', label = '', text = '' }, about = '') {
    const frame = { type: 'action', action };
    if (value) frame.value = value;
    if (text) frame.text = text;
    if (about) frame.about = about;
    return this.#submit(frame, label);
  }

  /** Rate a reply. */
  rate(up, about) {
    return this.#submit({ type: 'action', action: 'feedback', value: up ? 'up' : 'down', about }, '');
  }

  /** Send what failed once more, as a new message. */
  retry(id) {
    const item = this.#outbox.find(id);
    if (!item?.failed) return;
    this.discard(id);
    this.#submit(item.frame, item.label, item.files);
  }

  /** Forget what failed. */
  discard(id) {
    this.#outbox.forget(id);
    this.#emit('change');
  }

  /** The visitor presses keys; call it as often as you like. An agent is shown `text`, what was typed so far. */
  typing(text = '') {
    this.#presence.typing(text);
  }

  /** All up to an event was shown. */
  read(seq = this.#transcript.lastSeq) {
    if (!this.#presence.saw(seq)) return;
    this.#tellSeen();
    this.#emit('change');
  }

  /** Ask for the events before the first one. */
  older() {
    const { events, more } = this.#transcript;
    if (!this.#online || !more || this.#asking || !events.length) return;
    this.#asking = true;
    this.#line.send({ type: 'history', before: events[0].seq, limit: HISTORY_PAGE });
  }

  // -- connecting

  #connectBy(kept) {
    const { url, httpUrl, openSocket, fetch, timers: clock, now, random } = this.#options;
    const timers = this.#timers;
    this.#transports = new Transports({ url, httpUrl, openSocket, fetch, timers, clock, now, kept });
    this.#line = new Line({
      transports: this.#transports,
      timers,
      now,
      random,
      ready: () => this.#recall(),
      greeting: () => this.#hello(),
      onframe: (frame) => this.#take(frame),
      onend: () => this.#interrupt(),
      renew: (code) => this.#renew(code),
      onstatus: (status) => {
        this.#emit('status', status);
        this.#emit('change');
      },
    });
  }

  get #online() {
    return this.#line.status === 'online';
  }

  #load() {
    return after(this.#outbox.load(), () =>
      after(this.#transports.load(), () => this.#presence.load()),
    );
  }

  /** Before each attempt: other tabs may have got another token. */
  #recall() {
    return after(this.#loaded, () =>
      after(this.token.get(), (token) => {
        this.#helloToken = token ?? '';
      }),
    );
  }

  #hello() {
    const { key, user, signature, language, page, device, zone, name } = this.#options;
    const hello = { type: 'hello', key, language, page: page.slice(0, 500), device, zone, client: name };
    if (this.#helloToken) hello.token = this.#helloToken;
    else if (user) Object.assign(hello, { user, signature });
    if (this.#conversation) hello.resume = { conversation: this.#conversation, last_seq: this.#transcript.lastSeq };
    return hello;
  }

  /** The connection ended: what was under way over it is not any more. */
  #interrupt() {
    this.#asking = false;
    this.#outbox.interrupt();
    this.#presence.interrupt();
    this.#transcript.interrupt();
  }

  /** A token that the server does not take any more: begin anew with the key, which is tried once, without a token. */
  #renew(code) {
    if (!this.#helloToken || !this.#options.key || (code !== EXPIRED && code !== BAD_TOKEN)) return undefined;
    return after(this.#forgetToken(this.#helloToken), () => true);
  }

  #forgetToken(token) {
    this.#transcript.void();
    this.#conversation = '';
    return after(this.token.get(), (stored) => (stored === token ? this.token.remove() : undefined));
  }

  // -- what comes in

  #take(frame) {
    const handle = {
      welcome: () => this.#welcome(frame),
      event: () => this.#event(frame),
      ack: () => this.#acknowledged(frame),
      chunk: () => this.#transcript.chunk(frame),
      typing: () => this.#typer(frame),
      read: () => this.#transcript.wasRead(frame.author ?? '', frame.seq),
      page: () => this.#page(frame),
      error: () => this.#problem(frame),
    }[frame.type];
    if (!handle) return; // a pong, or something that a later server says
    handle();
    this.#emit('change');
  }

  #welcome(frame) {
    after(this.token.get(), (stored) => {
      if (stored && stored !== this.#helloToken && !this.#helloToken) {
        this.#resume(); // another tab of this visitor was first: join its conversation
        return;
      }
      this.token.set(frame.token);
      this.#outbox.maxBytes = frame.max_bytes ?? 65_536;
      if (frame.max_upload !== undefined) this.files.maxBytes = frame.max_upload;
      const events = frame.events ?? [];
      const continues = frame.recovered && frame.conversation === this.#conversation && this.#transcript.continuesWith(events);
      this.#conversation = frame.conversation;
      if (!continues) {
        this.#transcript.void();
        this.#transcript.more = events.length > 0 && events[0].seq > 1;
        this.#outbox.forgetStored();
      }
      for (const event of events) this.#add(event, { live: continues });
      this.#transcript.lastSeq = Math.max(this.#transcript.lastSeq, frame.last_seq);
      this.#line.welcomed((frame.ping_s ?? 25) * 1000);
      this.#tellSeen();
      this.#outbox.flush();
    });
  }

  /** Leave this connection for another one at once. */
  #resume() {
    this.#line.comeBackMs = 0;
    this.#line.drop(LOST);
  }

  #event(event) {
    if (event.seq > this.#transcript.lastSeq + 1) {
      this.#resume(); // something is missing: from the last one that we have
      return;
    }
    this.#add(event, { live: true });
  }

  #add(event, how) {
    if (!this.#transcript.add(event)) return;
    if (event.client_msg_id) this.#outbox.settle(event.client_msg_id);
    this.#emit('event', event, how);
  }

  #page(frame) {
    this.#asking = false;
    this.#transcript.prepend(frame.events ?? [], Boolean(frame.more));
  }

  #typer({ author = '', on = true }) {
    const { typers } = this.#transcript;
    if (!on) {
      typers.delete(author);
    } else if (author !== 'visitor') {
      typers.add(author);
      this.#timers.set(`typer ${author}`, 8_000, () => {
        typers.delete(author);
        this.#emit('change');
      });
    }
  }

  #problem(frame) {
    this.#outbox.refused(frame);
    this.#emit('problem', frame);
  }

  #acknowledged({ client_msg_id: id, seq }) {
    this.#outbox.acknowledged(id, { shown: this.#transcript.shows(id) || seq <= this.#transcript.lastSeq });
  }

  // -- what goes out

  #submit(frame, label, files) {
    const id = this.#outbox.add(frame, label, files);
    this.#presence.stopTyping();
    this.#outbox.flush();
    this.#emit('change');
    return id;
  }

  #tellSeen() {
    const { events, lastSeq } = this.#transcript;
    if (this.#online && events.length) this.#presence.tellSeen(lastSeq);
  }

  #emit(name, ...values) {
    this.#listeners.emit(name, ...values);
  }
}
