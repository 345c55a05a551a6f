/** The open widget: a panel with the conversation, loaded when it is first needed. */

import { Client } from './client.js';
import { adopt, h, icon } from './dom.js';
import { Messages } from './messages.js';
import { STYLE } from './style.js';
import { wordsOf } from './words.js';

const PATIENCE_MS = 2_000; // a connection that is back by then is not worth a banner
const MAX_CHARS = 8_000;
const WHY = { 3500: 'badKey', 3504: 'tooMany' }; // by close code

/**
 * Put the panel into a shadow root, closed.
 *
 * @param {object} options root, host (URL of the server), key, language, title, user, signature, nonce
 * @param {Function} options.onunread told how many messages wait
 * @param {Function} options.onclose told that the visitor closed the panel
 */
export function mount(options) {
  return new Panel(options);
}

class Panel {
  #options;
  #words;
  #client;
  #messages;
  #parts;
  #element;
  #bannerTimer;

  constructor(options) {
    this.#options = options;
    this.#words = wordsOf(options.language);
    this.#client = new Client({
      url: options.host.replace(/^http/, 'ws') + '/v1/ws',
      key: options.key,
      user: options.user,
      signature: options.signature,
      language: options.language,
      page: location.href.split(/[?#]/)[0], // what follows may be secret
      name: 'kefu-widget',
    });
    this.#messages = new Messages(this.#client, this.#words, options.language);
    this.#build();
    this.#listen();
    this.#client.connect();
  }

  get client() {
    return this.#client;
  }

  get opened() {
    return !this.#element.hidden;
  }

  open() {
    this.#element.hidden = false;
    this.#show();
    this.#messages.toEnd();
    this.#focus();
    if (this.#client.status === 'stopped') this.#client.connect();
    else this.#client.wake();
  }

  close() {
    this.#element.hidden = true;
    this.#options.onclose();
  }

  // -- the elements

  #build() {
    const words = this.#words;
    const { root, language, nonce } = this.#options;
    adopt(root, STYLE, nonce);
    this.#parts = { ...this.#head(), ...this.#banner(), ...this.#composer() };
    const { head, banner, form } = this.#parts;
    this.#element = h(
      'section',
      {
        class: 'panel',
        role: 'dialog',
        'aria-label': this.#options.title || words.title,
        lang: language,
        hidden: true,
        onkeydown: (event) => this.#keys(event),
      },
      head,
      banner,
      this.#messages.element,
      form,
    );
    root.append(h('div', { class: 'kefu' }, this.#element));
  }

  #head() {
    const words = this.#words;
    const dot = h('span', { class: 'dot away' });
    const state = h('span', {}, words.connecting);
    const person = h(
      'button',
      { class: 'act', type: 'button', onclick: () => this.#client.askForPerson(words.person) },
      icon('person'), words.person,
    );
    const shut = h(
      'button',
      { class: 'act shut', type: 'button', 'aria-label': words.close, title: words.close, onclick: () => this.close() },
      icon('close'),
    );
    const names = h('div', { class: 'names' }, h('h2', {}, this.#options.title || words.title), h('p', {}, dot, state));
    return { head: h('div', { class: 'head' }, names, person, shut), dot, state };
  }

  #banner() {
    const text = h('span', { class: 'text' });
    const again = h('button', { type: 'button', hidden: true, onclick: () => this.#again() }, this.#words.retry);
    const banner = h('div', { class: 'banner', role: 'status', hidden: true }, icon('alert'), text, again);
    return { banner, bannerText: text, again };
  }

  #composer() {
    const words = this.#words;
    const input = h('textarea', {
      rows: '1',
      maxlength: String(MAX_CHARS),
      placeholder: words.placeholder,
      'aria-label': words.input,
      enterkeyhint: 'send',
      oninput: () => this.#typed(),
      onkeydown: (event) => this.#entered(event),
    });
    const send = h(
      'button', { type: 'submit', 'aria-label': words.send, title: words.send, disabled: true }, icon('send'),
    );
    const form = h(
      'form',
      {
        class: 'compose',
        onsubmit: (event) => {
          event.preventDefault();
          this.#say();
        },
      },
      input,
      send,
    );
    return { form, input, send };
  }

  // -- what the visitor does

  #typed() {
    const { input, send } = this.#parts;
    send.disabled = !input.value.trim();
    input.style.blockSize = 'auto';
    input.style.blockSize = `${Math.min(input.scrollHeight + 2, 132)}px`;
    if (input.value.trim()) this.#client.typing();
  }

  #entered(event) {
    // While Chinese is being composed, Enter chooses a word (229 is how Safari says so).
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    this.#say();
  }

  #say() {
    const { input } = this.#parts;
    const text = input.value.trim();
    if (!text) return;
    input.value = '';
    this.#typed();
    this.#client.say(text);
    this.#messages.toEnd();
    input.focus();
  }

  #again() {
    this.#client.connect();
    this.#client.wake();
  }

  #keys(event) {
    if (event.isComposing) return;
    if (event.key === 'Escape') {
      event.stopPropagation();
      this.close();
    } else if (event.key === 'Tab') {
      this.#keepFocus(event);
    }
  }

  /** Where there is no keyboard, a focused field would cover half of the screen with one. */
  #focus() {
    const touch = matchMedia('(pointer: coarse)').matches;
    (touch ? this.#messages.element : this.#parts.input).focus({ preventScroll: true });
  }

  /** Tab goes round within the panel; Escape leaves it. */
  #keepFocus(event) {
    const all = this.#element.querySelectorAll('button:enabled, textarea, a[href], [tabindex="0"]');
    const stops = [...all].filter((each) => each.getClientRects().length);
    const [first, last] = [stops[0], stops.at(-1)];
    const now = this.#options.root.activeElement;
    if (event.shiftKey ? now === first : now === last) {
      event.preventDefault();
      (event.shiftKey ? last : first).focus();
    }
  }

  // -- what happens

  #listen() {
    const client = this.#client;
    client.on('change', () => this.#show());
    client.on('status', () => this.#state());
    addEventListener('online', () => client.wake());
    addEventListener('offline', () => client.lost());
    addEventListener('pageshow', (event) => event.persisted && client.wake());
    document.addEventListener('visibilitychange', () => {
      if (document.hidden) return;
      client.wake();
      this.#show();
    });
  }

  #show() {
    if (this.opened) {
      const focused = this.#options.root.activeElement;
      this.#messages.update();
      // A button that went away must not take the focus with it.
      if (focused && !focused.isConnected) this.#focus();
      if (!document.hidden) this.#client.read();
    }
    this.#options.onunread(this.#client.unread);
  }

  #state() {
    const { dot, state } = this.#parts;
    const online = this.#client.status === 'online';
    dot.className = online ? 'dot' : 'dot away';
    state.textContent = online ? this.#words.online : this.#words.connecting;
    if (online || this.#client.status === 'stopped') this.#bannerTimer = clearTimeout(this.#bannerTimer);
    if (this.#client.status === 'stopped') this.#stopped();
    else if (online) this.#note('');
    else this.#bannerTimer ??= setTimeout(() => this.#note(this.#words.offline), PATIENCE_MS);
  }

  #stopped() {
    this.#parts.state.textContent = this.#words.away;
    this.#note(this.#words[WHY[this.#client.code] ?? 'stopped'], { again: true });
  }

  #note(text, { again = false } = {}) {
    const parts = this.#parts;
    parts.banner.hidden = !text;
    if (parts.bannerText.textContent !== text) parts.bannerText.textContent = text;
    parts.again.hidden = !again;
  }
}
