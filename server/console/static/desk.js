/** The console's controller: holds the state, the socket, and what an agent can do. Views read the one and call the other. */

import { useEffect, useState } from './vendor/htm-preact.js';
import { api } from './api.js';
import { ring, notify } from './attention.js';
import { AgentSocket, identifier } from './socket.js';
import * as S from './state.js';
import { forget } from './unsent.js';
import { language, w } from './words.js';

const PAGE = 50;
const LISTED = 200; // rows of a list that are read at once

class Desk {
  constructor() {
    this.state = S.blank();
    this.listeners = new Set();
    this.typingSent = 0;
  }

  // -- the state

  set(state) {
    if (state === this.state) return;
    this.state = state;
    if (this.drawing) return;
    this.drawing = requestAnimationFrame(() => {
      this.drawing = 0;
      for (const listener of this.listeners) listener(this.state);
    });
    if (document.hidden) this.draw(); // hidden pages get no frames, but their titles are seen
  }

  draw() {
    cancelAnimationFrame(this.drawing);
    this.drawing = 0;
    for (const listener of this.listeners) listener(this.state);
  }

  // -- signing in and out

  async signIn(login, password) {
    await api.signIn(login, password);
    await this.start();
  }

  async start() {
    const session = await api.session();
    this.set(S.signedIn(S.blank(), session));
    this.socket = new AgentSocket({
      ticket: api.ticket,
      holds: () => this.holds(),
      onFrame: (frame) => this.took(frame),
      onLink: (link) => this.set(S.linked(this.state, link)),
      onEnd: () => this.ended(),
    });
    this.socket.start();
    this.resting = setInterval(() => this.set(S.rested(this.state, Date.now())), 1000);
    addEventListener('online', () => this.socket.hurry());
    addEventListener('visibilitychange', () => document.hidden || this.socket.hurry());
  }

  async signOut() {
    await api.signOut().catch(() => undefined);
    this.ended('');
  }

  ended(reason = w().signedOut) {
    clearInterval(this.resting);
    this.socket?.stop();
    this.set({ ...S.blank(), ended: reason });
  }

  // -- what the server says

  holds() {
    return [...this.state.threads]
      .filter(([conversation]) => conversation === this.state.selected)
      .map(([conversation, each]) => ({ conversation, last_seq: each.lastSeq, last_internal: each.lastInternal }));
  }

  took(frame) {
    const { state } = this;
    switch (frame.type) {
      case 'welcome':
        this.set(S.welcomed(state, frame));
        for (const box of state.lists.keys()) this.list(box);
        break;
      case 'following':
        this.set(S.followed(state, frame));
        break;
      case 'event':
        this.set(S.happened(state, frame.conversation, frame));
        this.heard(frame);
        break;
      case 'case':
        this.set(S.caseChanged(state, frame.case));
        break;
      case 'erased':
        this.erased(frame.conversation);
        break;
      case 'agent':
        this.set(S.agentChanged(state, frame));
        break;
      case 'ring':
        this.rang(frame);
        break;
      case 'chunk':
        this.set(S.worded(state, frame.conversation, frame));
        break;
      case 'typing':
        this.set(S.typed(state, frame.conversation, frame, Date.now()));
        break;
      case 'notice':
        this.noticed(frame);
        break;
      case 'mentioned':
        this.tell(w().mentionedBy(this.nameOf(frame.by)), { conversation: frame.conversation });
        break;
      case 'error':
        if (frame.message) this.tell(frame.message, { bad: true });
        break;
      default:
    }
  }

  /** Let go of what was said, and show what is left. */
  erased(conversation) {
    forget(conversation);
    this.set(S.erased(this.state, conversation));
    if (this.state.selected === conversation) this.socket.tell({ type: 'follow', conversation, last_seq: 0, last_internal: 0 });
  }

  /** A word of the server that is no ring: a card for what asks something, a line for the rest. */
  noticed(frame) {
    const { word, conversation, by } = frame;
    if (word === 'asked_to_take') return this.rang(frame);
    if (frame.case) this.set(S.caseChanged(this.state, frame.case));
    if (word === 'ring_over' || word === 'transfer_over') this.set(S.silenced(this.state, conversation));
    const line = word === 'transfer_back' && !by ? w().transferMissed : w().notices[word];
    if (!line) return undefined;
    const name = nameOfVisitor(this.state.cases.get(conversation) ?? frame.case);
    const text = line(name, this.nameOf(by));
    if (word === 'waits' || word === 'nobody_takes_it') notify(text, '', () => this.open(conversation));
    return this.tell(text, { conversation });
  }

  rang(frame) {
    this.set(S.rang(this.state, frame));
    const row = this.state.cases.get(frame.conversation);
    ring(frame.conversation);
    notify(w().newChat, row ? `${nameOfVisitor(row)}: ${row.last_text}` : '', () => this.open(frame.conversation));
    setTimeout(() => this.set(S.silenced(this.state, frame.conversation)), Math.max(0, frame.until - Date.now()));
  }

  heard(frame) {
    if (frame.author !== 'visitor' || frame.kind !== 'spoke') return;
    if (this.state.selected === frame.conversation && !document.hidden) this.read(frame.conversation);
    else notify(nameOfVisitor(this.state.cases.get(frame.conversation)), frame.text, () => this.open(frame.conversation));
  }

  // -- looking

  open(conversation) {
    const before = this.state.selected;
    if (before === conversation) return;
    if (before) this.socket.tell({ type: 'unfollow', conversation: before });
    const threads = new Map(this.state.threads);
    if (!threads.has(conversation)) threads.set(conversation, S.thread());
    this.set({ ...this.state, selected: conversation, threads });
    if (!conversation) return;
    const held = threads.get(conversation);
    this.socket.tell({ type: 'follow', conversation, last_seq: held.lastSeq, last_internal: held.lastInternal });
    this.socket.tell({ type: 'viewing', conversation });
    this.read(conversation);
  }

  async older(conversation) {
    const first = this.state.threads.get(conversation)?.events.find((event) => event.audience !== 'internal');
    const page = await api.events(conversation, { before: first?.seq, limit: PAGE });
    this.set(S.paged(this.state, conversation, page));
  }

  read(conversation) {
    const row = this.state.cases.get(conversation);
    if (!row || (row.read_seq ?? 0) >= row.seq || document.hidden) return;
    this.set({ ...this.state, cases: new Map(this.state.cases).set(conversation, { ...row, read_seq: row.seq }) });
    this.socket.tell({ type: 'read', conversation, seq: row.seq });
  }

  /** Read the first part of a list. */
  list(box) {
    return this.readList(box, 0);
  }

  /** Read the next part of it, if there is one and it is not being read. */
  more(box) {
    const { loading, read, total } = this.state.lists.get(box) ?? { loading: true };
    return loading || read >= total ? undefined : this.readList(box, read);
  }

  async readList(box, offset) {
    this.set(S.withList(this.state, box, { loading: true, error: '' }));
    try {
      const page = await api.cases({ box, limit: LISTED, offset });
      this.set(S.listed(this.state, box, page, { more: offset > 0 }));
    } catch {
      this.set(S.withList(this.state, box, { loading: false, error: w().failed }));
    }
  }

  /** Look in which conversations of a list something was said. */
  async find(box, q) {
    const page = await api.cases({ box, q, limit: LISTED }).catch(() => undefined);
    if (page) this.set(S.found(this.state, box, q, page));
  }

  // -- acting

  async say(conversation, text, { note = false, mentions = [], files = [] } = {}) {
    const id = identifier();
    const frame = note ? { type: 'note', mentions } : { type: 'say', files };
    this.set(S.wrote(this.state, conversation, { id, text, note, at: Date.now(), frame }));
    await this.post(conversation, id, { ...frame, conversation, text });
  }

  async again(conversation, item) {
    this.set(S.marked(this.state, conversation, item.id, ''));
    await this.post(conversation, item.id, { ...item.frame, conversation, text: item.text });
  }

  async post(conversation, id, frame) {
    try {
      await this.socket.request({ ...frame, client_msg_id: id });
    } catch (refusal) {
      this.set(S.marked(this.state, conversation, id, this.wordsFor(refusal)));
    }
  }

  discard(conversation, id) {
    this.set(S.discarded(this.state, conversation, id));
  }

  /** Do something to a conversation that changes its state; tells whether it was done, and the agent why not. */
  async act(conversation, verb, values = {}) {
    const epoch = this.state.cases.get(conversation)?.epoch ?? 0;
    try {
      await this.socket.request({ type: 'desk', conversation, verb, epoch, ...values });
      return true;
    } catch (refusal) {
      this.tell(this.wordsFor(refusal), { bad: true });
      this.set(S.silenced(this.state, conversation));
      return false;
    }
  }

  /** Take what rings, waits, or a colleague would hand over. */
  async accept(conversation) {
    const transferred = this.state.cases.get(conversation)?.state === 'transferring';
    this.set(S.silenced(this.state, conversation));
    if (await this.act(conversation, transferred ? 'accept_transfer' : 'accept')) this.open(conversation);
  }

  decline(conversation) {
    const transferred = this.state.cases.get(conversation)?.state === 'transferring';
    this.set(S.silenced(this.state, conversation));
    return this.act(conversation, transferred ? 'decline_transfer' : 'decline');
  }

  async presence(state, agent = '') {
    try {
      await this.socket.request({ type: 'presence', state, ...(agent && { agent }) });
    } catch (refusal) {
      this.tell(this.wordsFor(refusal), { bad: true });
    }
  }

  typing(conversation, on) {
    const now = Date.now();
    if (on && now - this.typingSent < 2_500) return;
    this.typingSent = on ? now : 0;
    this.socket.tell({ type: 'typing', conversation, on });
  }

  // -- telling

  tell(text, { bad = false, conversation = '' } = {}) {
    const id = identifier();
    this.set(S.told(this.state, { id, text, bad, conversation }));
    setTimeout(() => this.set(S.untold(this.state, id)), 6_000);
  }

  wordsFor({ code, message, by }) {
    if (code === 'already_taken') return w().alreadyTaken(this.nameOf(by));
    if (code === 'stale') return w().stale;
    if (code === 'not_allowed') return (language() === 'en' && message) || w().notAllowed;
    return message || w().didNotWork;
  }

  nameOf(author) {
    return nameOfAuthor(author, this.state);
  }
}

/** Who somebody is, by the word that events and rows use. */
export function nameOfAuthor(author, state, name = '') {
  if (!author) return '';
  if (author === 'bot') return w().assistant;
  if (author === 'system') return w().system;
  if (author === 'visitor') return w().visitor;
  const id = author.replace(/^agent:/, '');
  return name || state.agents.get(id)?.name || id;
}

/** What a visitor is called. */
export function nameOfVisitor(row) {
  if (!row?.visitor) return w().visitor;
  return row.visitor.name || `${w().visitor} ${row.visitor.id.slice(-4)}`;
}

export const desk = new Desk();

/** The state, for a component: drawn again when it changes. */
export function useDesk() {
  const [state, set] = useState(desk.state);
  useEffect(() => {
    desk.listeners.add(set);
    set(desk.state);
    return () => desk.listeners.delete(set);
  }, []);
  return state;
}
