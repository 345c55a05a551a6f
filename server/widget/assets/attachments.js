/** Files on their way into the next message: chosen, dropped or pasted, sent at once, shown until the message goes. */

import { h, icon } from './dom.js';
import { drawn, sizeOf } from './pictures.js';

const TYPES = 'image/png,image/jpeg,image/webp,image/gif,application/pdf';
const MAX_FILES = 10; // in one message
const SIDE = 44; // of a small picture, in CSS pixels; the same stands in style.js

export class Attachments {
  #files;
  #words;
  #options;
  #items = [];
  #list;
  #news;
  #input;

  /**
   * @param {Files} files
   * @param {object} words
   * @param {object} options `onchange()`, `onremoved()`, `onsent(id, blob)` when a file has arrived
   */
  constructor(files, words, options) {
    this.#files = files;
    this.#words = words;
    this.#options = options;
    this.#list = h('ul', { class: 'tray', 'aria-label': words.files, hidden: true });
    this.#news = h('p', { class: 'said', 'aria-live': 'polite' });
    this.#input = h('input', {
      type: 'file', multiple: true, accept: TYPES, hidden: true, tabindex: '-1', onchange: () => this.#chosen(),
    });
    this.element = h('div', { class: 'attachments empty' }, this.#list, this.#news, this.#input);
    this.button = h(
      'button',
      {
        class: 'attach', type: 'button', title: words.attach, 'aria-label': words.attach,
        onclick: () => this.#input.click(),
      },
      icon('clip'),
    );
  }

  /** Whether there is anything, and whether all of it has arrived. */
  get any() {
    return this.#items.some((item) => !item.failed);
  }

  get ready() {
    return this.#items.every((item) => item.facts || item.failed);
  }

  /** Give what has arrived, and begin anew. */
  take() {
    const facts = this.#items.filter((item) => item.facts).map((item) => item.facts);
    this.#items = [];
    this.#show();
    return facts;
  }

  /** Offer to attach files, where the server takes any. */
  offer() {
    this.button.hidden = !this.#files.maxBytes;
  }

  /** Take files in; gives whether there were any. */
  add(files) {
    if (!this.#files.maxBytes) return false;
    for (const file of files ?? []) this.#begin(file);
    return Boolean(files?.length);
  }

  /** Take what is dragged onto an element and dropped there. */
  listen(element) {
    const holdsFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes('Files');
    element.addEventListener('dragover', (event) => {
      if (!holdsFiles(event)) return;
      event.preventDefault();
      element.classList.add('dropping');
    });
    element.addEventListener('dragleave', (event) => {
      if (!element.contains(event.relatedTarget)) element.classList.remove('dropping');
    });
    element.addEventListener('drop', (event) => {
      element.classList.remove('dropping');
      if (!holdsFiles(event)) return;
      event.preventDefault();
      this.add(event.dataTransfer.files);
    });
  }

  #chosen() {
    this.add(this.#input.files);
    this.#input.value = ''; // so that the same file can be chosen again
    this.button.focus();
  }

  #begin(file) {
    const item = { file, name: file.name || this.#words.pasted, share: 0, abort: new AbortController() };
    this.#items.push(item);
    item.element = this.#element(item);
    if (this.#items.filter((each) => !each.failed).length > MAX_FILES) this.#fail(item, 'too-many');
    else if (file.size > this.#files.maxBytes) this.#fail(item, 'too-large');
    else this.#send(item);
    this.#show();
    item.element.scrollIntoView({ block: 'nearest' });
  }

  async #send(item) {
    const { file, name } = item;
    if (file.type.startsWith('image/')) this.#preview(item);
    try {
      const onprogress = (share) => {
        item.share = share;
        this.#mark(item);
      };
      item.facts = await this.#files.upload(file, { name, onprogress, signal: item.abort.signal });
      this.#options.onsent(item.facts.id, file);
      this.#say(this.#words.fileReady(name));
    } catch (error) {
      if (item.abort.signal.aborted) return;
      this.#fail(item, error.code);
    }
    this.#mark(item);
    this.#show();
  }

  #why(code) {
    const { fileTooLarge, badKind, damagedFile, tooManyFiles, fileFailed } = this.#words;
    const why = {
      'too-large': fileTooLarge(sizeOf(this.#files.maxBytes)),
      'unknown-kind': badKind,
      invalid: damagedFile,
      'too-many': tooManyFiles,
    };
    return why[code] ?? fileFailed;
  }

  #fail(item, code) {
    item.failed = this.#why(code);
    this.#mark(item);
    this.#say(`${item.name}: ${item.failed}`);
  }

  #remove(item) {
    item.abort.abort();
    this.#items = this.#items.filter((each) => each !== item);
    this.#show();
    this.#options.onremoved();
  }

  #element(item) {
    const label = this.#words.removeFile(item.name);
    item.state = h('span', { class: 'state' });
    item.bar = h('progress', { max: '1', value: '0', 'aria-label': item.name });
    item.face = h('span', { class: 'face' }, icon(item.file.type.startsWith('image/') ? 'picture' : 'file'));
    return h(
      'li', {},
      item.face,
      h('span', { class: 'about' }, h('span', { class: 'name', title: item.name }, item.name), item.state, item.bar),
      h(
        'button', { type: 'button', 'aria-label': label, title: label, onclick: () => this.#remove(item) },
        icon('close'),
      ),
    );
  }

  async #preview(item) {
    try {
      item.face.replaceChildren(await drawn(item.file, SIDE, SIDE));
    } catch {
      // the server says what is wrong with it
    }
  }

  #mark(item) {
    item.element.className = item.failed ? 'bad' : '';
    item.bar.hidden = Boolean(item.failed || item.facts);
    item.bar.value = item.share;
    item.state.textContent = item.failed ?? sizeOf(item.file.size);
  }

  #show() {
    for (const item of this.#items) this.#mark(item);
    this.#list.replaceChildren(...this.#items.map((item) => item.element));
    this.#list.hidden = !this.#items.length;
    this.element.classList.toggle('empty', !this.#items.length);
    this.#options.onchange();
  }

  /** For those who listen. */
  #say(text) {
    this.#news.textContent = text;
  }
}
