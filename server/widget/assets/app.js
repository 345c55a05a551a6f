/** The open widget: a panel with the conversation, loaded when it is first needed. */

import { Attachments } from './attachments.js';
import { Client } from './client.js';
import { deviceOf, zoneOf } from './device.js';
import { adopt, h, icon } from './dom.js';
import { standing } from './handoff.js';
import { Messages } from './messages.js';
import { Pictures } from './pictures.js';
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
  #attachments;
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
      device: deviceOf(navigator),
      zone: zoneOf(),
      name: 'kefu-widget',
    });
    const pictures = new Pictures(this.#client.files, this.#words);
    this.#messages = new Messages(this.#client, this.#words, { language: options.language, pictures });
    this.#attachments = new Attachments(this.#client.files, this.#words, {
      onchange: () => this.#sendable(),
      onremoved: () => this.#parts.input.focus(),
      onsent: (id, blob) => pictures.keep(id, blob),
    });
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
      h('p', { class: 'drop', 'aria-hidden': 'true' }, icon('clip'), words.drop),
    );
    this.#attachments.listen(this.#element);
    root.append(h('div', { class: 'kefu' }, this.#element));
  }

  #head() {
    const words = this.#words;
    const dot = h('span', { class: 'dot away' });
    const state = h('span', {}, words.connecting);
    const personText = h('span', {}, words.person);
    const person = h('button', { class: 'act', type: 'button', onclick: () => this.#pressPerson() }, icon('person'), personText);
    const shut = h(
      'button',
      { class: 'act shut', type: 'button', 'aria-label': words.close, title: words.close, onclick: () => this.close() },
      icon('close'),
    );
    const names = h('div', { class: 'names' }, h('h2', {}, this.#options.title || words.title), h('p', {}, dot, state));
    return { head: h('div', { class: 'head' }, names, person, shut), dot, state, personText };
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
      onpaste: (event) => this.#attachments.add(event.clipboardData?.files) && event.preventDefault(),
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
      this.#attachments.element,
      this.#attachments.button,
      input,
      send,
    );
    return { form, input, send };
  }

  // -- what the visitor does

  #typed() {
    const { input } = this.#parts;
    this.#sendable();
    input.style.blockSize = 'auto';
    input.style.blockSize = `${Math.min(input.scrollHeight + 2, 132)}px`;
    const { who } = standing(this.#client.events);
    if (input.value.trim()) this.#client.typing(who === 'person' ? input.value : '');
  }

  #sendable() {
    const { input, send } = this.#parts;
    send.disabled = !this.#attachments.ready || !(input.value.trim() || this.#attachments.any);
  }

  #entered(event) {
    // While Chinese is being composed, Enter chooses a word (229 is how Safari says so).
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    this.#say();
  }

  #say() {
    const { input, send } = this.#parts;
    this.#sendable();
    if (send.disabled) return;
    const text = input.value.trim();
    input.value = '';
    this.#client.say(text, this.#attachments.take());
    this.#typed();
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
    const all = this.#element.querySelectorAll('button:enabled, textarea, input, a[href], [tabindex="0"]');
    const stops = [...all].filter((each) => each.getClientRects().length);
    const [first, last] = [stops[0], stops.at(-1)];
    const now = this.#options.root.activeElement;
    if (event.shiftKey ? now === first : now === last) {
      event.preventDefault();
      (event.shiftKey ? last : first).focus();
    }
  }

  /** Ask for a person, stop waiting for one, or have done with the chat. */
  #pressPerson() {
    const { who } = standing(this.#client.events);
    if (who === 'bot') this.#client.askForPerson(this.#words.person);
    else this.#client.press({ action: who === 'queue' ? 'cancel' : 'end' });
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
    if (this.#client.status !== 'stopped') this.#who();
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
    const { dot } = this.#parts;
    const online = this.#client.status === 'online';
    this.#attachments.offer();
    dot.className = online ? 'dot' : 'dot away';
    this.#who();
    if (online || this.#client.status === 'stopped') this.#bannerTimer = clearTimeout(this.#bannerTimer);
    if (this.#client.status === 'stopped') this.#stopped();
    else if (online) this.#note('');
    else this.#bannerTimer ??= setTimeout(() => this.#note(this.#words.offline), PATIENCE_MS);
  }

  /** Show who has the conversation, and what the button beside it does now. */
  #who() {
    const words = this.#words;
    const { who, name } = standing(this.#client.events);
    const { state, personText } = this.#parts;
    const label = { bot: words.online, queue: words.waiting, person: words.withPerson(name || words.agent) }[who];
    state.textContent = this.#client.status === 'online' ? label : words.connecting;
    personText.textContent = { bot: words.person, queue: words.stopWaiting, person: words.end }[who];
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
