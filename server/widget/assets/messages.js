/** The list of messages: what is shown of a client's events, and how each of it looks. */

import { h, icon } from './dom.js';
import { Told, buttons, hasLine, standing } from './handoff.js';
import { markdown } from './markdown.js';

const SHOWN = new Set(['spoke', 'replied', 'acted', 'status']);
const WAITS_MS = 12_000; // for a reply, with dots; a person may take longer

/**
 * The messages of a client, kept in step with it. Elements whose content did not change stay, so that a screen reader
 * is told of what is new and of nothing else.
 */
export class Messages {
  #client;
  #words;
  #language;
  #pictures;
  #told;
  #log;
  #shown = new Map();
  #waiting = false;

  constructor(client, words, { language, pictures }) {
    this.#client = client;
    this.#words = words;
    this.#language = language;
    this.#pictures = pictures;
    this.#told = new Told(client, words);
    this.#log = h('div', { class: 'log', role: 'log', 'aria-live': 'polite', 'aria-label': words.log, tabindex: '0' });
  }

  get element() {
    return this.#log;
  }

  /** Show what there is now. */
  update() {
    const log = this.#log;
    const first = [...this.#shown.keys()].find((key) => key.startsWith('m:'));
    const anchor = first && this.#shown.get(first).element;
    const before = anchor?.offsetTop ?? 0;
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 60;
    this.#put([...this.#items()]);
    if (atEnd) this.toEnd();
    else if (anchor?.isConnected) log.scrollTop += anchor.offsetTop - before;
  }

  toEnd() {
    this.#log.scrollTop = this.#log.scrollHeight;
  }

  #put(items) {
    const next = new Map();
    let place = this.#log.firstChild;
    for (const { key, sign, make } of items) {
      const known = this.#shown.get(key);
      const element = known?.sign === sign ? known.element : make();
      if (known && known.element !== element) {
        if (place === known.element) place = element;
        known.element.replaceWith(element);
      }
      if (element === place) place = place.nextSibling;
      else this.#log.insertBefore(element, place);
      next.set(key, { sign, element });
    }
    for (const [key, { element }] of this.#shown) if (next.get(key)?.element !== element) element.remove();
    this.#shown = next;
  }

  *#items() {
    const client = this.#client;
    const facts = this.#facts();
    if (client.more) yield this.#older();
    if (!client.more && !facts.begun) yield this.#greeting();
    let day = '';
    for (const [place, event] of client.events.entries()) {
      if (!SHOWN.has(event.kind) || !hasLine(event, client.events[place + 1])) continue;
      const date = new Date(event.at).toDateString();
      if (date !== day) yield this.#day(event.at, date);
      day = date;
      if (event.kind === 'status') yield this.#status(event, place);
      else yield event.author === 'visitor' ? this.#mine(event, facts) : this.#theirs(event, facts);
    }
    for (const item of client.pending) if (hasLine({ kind: 'acted', ...item.frame, text: item.label })) yield this.#pending(item);
    for (const [turn, text] of client.chunks) yield this.#chunk(turn, text);
    if (this.#awaits(facts)) yield this.#dots();
  }

  /** What several messages depend on. */
  #facts() {
    const { events, pending, readByOthers } = this.#client;
    const facts = { begun: events.some((event) => event.kind === 'spoke' || event.kind === 'replied') };
    facts.rated = new Map();
    facts.taken = new Map();
    for (const each of [...events, ...pending.filter((item) => !item.failed).map((item) => item.frame)]) {
      if (each.choices?.length) facts.offering = each.id;
      if (each.action === 'feedback') facts.rated.set(each.about, each.value);
      if (each.action === 'choose') facts.taken.set(facts.offering, each.value);
    }
    const others = events.filter(({ author, kind }) => author !== 'visitor' && author !== 'system' && SHOWN.has(kind));
    facts.read = Math.max(readByOthers, others.at(-1)?.seq ?? 0);
    facts.last = events.filter((event) => SHOWN.has(event.kind) && hasLine(event)).at(-1);
    facts.standing = standing(events);
    return facts;
  }

  /** Whether to show that a reply is on the way: somebody types, or the visitor said something just now. */
  #awaits({ last, standing: { who, asksBot } }) {
    const client = this.#client;
    if (client.status !== 'online' || client.chunks.size) return false;
    if (client.typers.length) return true;
    if (last?.author !== 'visitor' || (who !== 'bot' && !asksBot)) return false;
    const left = last.at + WAITS_MS - Date.now();
    if (left > 0 && !this.#waiting) {
      this.#waiting = true;
      setTimeout(() => {
        this.#waiting = false;
        this.update();
      }, Math.min(left, WAITS_MS));
    }
    return left > 0;
  }

  // -- one of each kind

  #older() {
    const make = () =>
      h('button', { class: 'older', type: 'button', onclick: () => this.#client.older() }, this.#words.older);
    return { key: 'older', sign: '', make };
  }

  #greeting() {
    const make = () => this.#row('', [h('div', { class: 'bubble text' }, this.#words.greeting)], this.#words.bot);
    return { key: 'greeting', sign: '', make };
  }

  #day(at, date) {
    const today = new Date();
    const yesterday = new Date(today.getFullYear(), today.getMonth(), today.getDate() - 1);
    let label = new Date(at).toLocaleDateString(this.#language, { year: 'numeric', month: 'long', day: 'numeric' });
    if (date === today.toDateString()) label = this.#words.today;
    else if (date === yesterday.toDateString()) label = this.#words.yesterday;
    return { key: `day:${date}`, sign: label, make: () => h('div', { class: 'day' }, label) };
  }

  #status(event, place) {
    const { events, pending } = this.#client;
    const sent = pending.filter((item) => !item.failed).map((item) => ({ kind: 'acted', ...item.frame }));
    const pressed = buttons({ choices: [], ...event }, [...events.slice(place + 1), ...sent]);
    return { key: `m:${event.id}`, sign: `${pressed.taken} ${pressed.open}`, make: () => this.#told.line(event, pressed) };
  }

  #mine(event, { read }) {
    const state = event.seq <= read ? 'read' : 'sent';
    const make = () => {
      const words = event.erased ? this.#words.erased : event.text;
      const tick = [icon(state === 'read' ? 'ticks' : 'tick'), this.#said(this.#words[state])];
      const meta = h('div', { class: 'meta', 'data-state': state }, this.#clock(event.at), ...tick);
      return this.#row(event.erased ? 'mine gone' : 'mine', [...this.#saidWith(event.files, words), meta], this.#words.you);
    };
    return { key: `m:${event.client_msg_id || event.id}`, sign: `${state} ${event.erased ?? ''}`, make };
  }

  #pending(item) {
    const { failed, stored } = item;
    const make = () => {
      const parts = this.#saidWith(item.files, item.frame.text || item.label);
      const meta = failed ? this.#failure(item) : this.#progress(item);
      return this.#row(failed ? 'mine failed' : 'mine', [...parts, meta], this.#words.you);
    };
    return { key: `m:${item.client_msg_id}`, sign: `pending ${failed?.code ?? ''} ${stored ?? ''}`, make };
  }

  /** What a visitor said: files, words, or both. */
  #saidWith(files, words) {
    const shown = files?.length ? [this.#pictures.show(files)] : [];
    if (words || !shown.length) shown.push(h('div', { class: 'bubble' }, words || '…'));
    return shown;
  }

  #progress(item) {
    const state = item.stored ? 'sent' : 'sending';
    const mark = icon(item.stored ? 'tick' : 'clock');
    return h('div', { class: 'meta', 'data-state': state }, this.#clock(item.at), mark, this.#said(this.#words[state]));
  }

  #failure(item) {
    const { client_msg_id: id, failed } = item;
    const why = failed.code === 'bad_value' && item.frame.type === 'say' ? this.#words.tooLong : this.#words.failed;
    return h(
      'div', { class: 'meta bad', 'data-state': 'failed' }, why,
      h('button', { type: 'button', onclick: () => this.#client.retry(id) }, this.#words.retry),
      h('button', { type: 'button', onclick: () => this.#client.discard(id) }, this.#words.discard),
    );
  }

  #theirs(event, { rated, taken, offering }) {
    const rating = rated.get(event.id) ?? '';
    const choice = taken.get(event.id) ?? '';
    const open = offering === event.id && !choice;
    const make = () => {
      const agent = event.author.startsWith('agent:');
      const parts = [agent && h('div', { class: 'who' }, event.name || this.#words.agent)];
      const bubble = h('div', { class: 'bubble text' });
      if (event.erased) bubble.append(this.#words.erased);
      else bubble.append(markdown(event.text ?? ''));
      if (event.files?.length) parts.push(this.#pictures.show(event.files));
      if (event.text || event.erased || !event.files?.length) parts.push(bubble);
      parts.push(event.sources?.length && this.#sources(event.sources));
      if (event.choices?.length) parts.push(this.#choices(event, open, choice));
      if (event.decision === 'answer') parts.push(this.#rating(event, rating));
      return this.#row(event.erased ? 'gone' : '', parts, agent ? this.#words.agent : this.#words.bot);
    };
    return { key: `m:${event.id}`, sign: `${rating} ${choice} ${open} ${event.erased ?? ''}`, make };
  }

  #sources(sources) {
    const chips = sources.map((source) =>
      h('li', { class: 'chip', title: source.title }, icon('book'), h('span', {}, source.title)),
    );
    const label = h('span', { 'aria-hidden': 'true' }, this.#words.sources);
    return h('div', { class: 'sources' }, label, h('ul', { 'aria-label': this.#words.sources }, ...chips));
  }

  #choices(event, open, taken) {
    const buttons = event.choices.map((choice) =>
      h(
        'button',
        {
          class: choice.entry_id === taken ? 'choice taken' : 'choice',
          type: 'button',
          disabled: !open,
          onclick: () => this.#client.choose(choice, event.id),
        },
        choice.label,
      ),
    );
    return h('div', { class: 'choices', role: 'group' }, ...buttons);
  }

  #rating(event, rating) {
    const button = (value, label) =>
      h(
        'button',
        {
          type: 'button',
          title: label,
          'aria-label': label,
          'aria-pressed': String(rating === value),
          onclick: () => rating !== value && this.#client.rate(value === 'up', event.id),
        },
        icon(value),
      );
    const question = rating ? this.#words.rated : this.#words.rate;
    const { helpful, unhelpful } = this.#words;
    return h('div', { class: 'rate' }, h('span', {}, question), button('up', helpful), button('down', unhelpful));
  }

  /** Wording in progress is not read out piece by piece; the finished reply is. */
  #chunk(turn, text) {
    const make = () =>
      h('div', { class: 'row', 'aria-hidden': 'true' }, h('div', { class: 'bubble text' }, markdown(text)));
    return { key: `chunk:${turn}`, sign: String(text.length), make };
  }

  #dots() {
    const make = () => {
      const dots = h('span', { class: 'dots' }, h('i'), h('i'), h('i'));
      return h('div', { class: 'row' }, h('div', { class: 'bubble' }, dots, this.#said(this.#words.typing)));
    };
    return { key: 'dots', sign: '', make };
  }

  #row(kind, parts, who) {
    return h('div', { class: `row ${kind}`.trim() }, this.#said(who), ...parts);
  }

  #clock(at) {
    return new Date(at).toLocaleTimeString(this.#language, { hour: '2-digit', minute: '2-digit' });
  }

  /** For those who listen. */
  #said(text) {
    return h('span', { class: 'said' }, text);
  }
}
