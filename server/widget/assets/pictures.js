/**
 * How files look in the conversation. Pictures are fetched with the visitor's token and drawn: the page's policy need
 * not allow images from anywhere, and no address tells who may see them. Each has its room before it is there.
 */

import { h, icon } from './dom.js';

const WIDTH = 200; // of a picture in the conversation, in CSS pixels; the same stands in style.js
const HEIGHT = 150;
const KEPT = 60; // elements

/** Elements of files, each made once: messages come and go around them. */
export class Pictures {
  #files;
  #words;
  #elements = new Map();
  #own = new Map(); // what was sent from here need not be fetched

  constructor(files, words) {
    this.#files = files;
    this.#words = words;
  }

  /** Remember the bytes of a file that was sent from here. */
  keep(id, blob) {
    this.#own.set(id, blob);
  }

  /** Give the element that shows the files of a message. */
  show(files) {
    return h('div', { class: 'files' }, ...files.map((file) => this.#element(file)));
  }

  #element(file) {
    const known = this.#elements.get(file.id);
    if (known) return known;
    const made = file.media_type.startsWith('image/') ? this.#picture(file) : this.#document(file);
    this.#elements.set(file.id, made);
    if (this.#elements.size > KEPT) this.#elements.delete(this.#elements.keys().next().value);
    return made;
  }

  #picture(file) {
    const label = this.#words.openPicture(file.name);
    const button = h(
      'button',
      { class: 'picture', type: 'button', title: file.name, 'aria-label': label, onclick: () => this.#open(file) },
      icon('picture'),
    );
    this.#draw(file, button);
    return button;
  }

  #document(file) {
    return h(
      'button',
      {
        class: 'document', type: 'button', title: file.name, onclick: () => this.#open(file),
        'aria-label': this.#words.openFile(file.name, sizeOf(file.size)),
      },
      icon('file'), h('span', { class: 'name' }, file.name), h('span', { class: 'size' }, sizeOf(file.size)),
    );
  }

  async #draw(file, button) {
    try {
      const blob = this.#own.get(file.id) ?? (await this.#files.fetch(file.id));
      button.replaceChildren(await drawn(blob, WIDTH, HEIGHT));
      this.#own.delete(file.id);
    } catch {
      button.classList.add('lost'); // the icon stays; pressing it tries to open it all the same
      this.#elements.delete(file.id);
    }
  }

  /** Show a file in a tab of its own, which must be opened while the click lasts and cannot reach this page. */
  async #open(file) {
    const tab = window.open('', '_blank');
    if (!tab) return;
    tab.opener = null;
    try {
      tab.location.replace(await this.#files.link(file.id));
    } catch {
      tab.close();
    }
  }
}

/** Draw a picture so that it fills a size, its middle in the middle. */
export async function drawn(blob, width, height) {
  const bitmap = await createImageBitmap(blob);
  const dense = Math.min(2, globalThis.devicePixelRatio || 1);
  const canvas = h('canvas', { width: String(width * dense), height: String(height * dense), 'aria-hidden': 'true' });
  const scale = Math.max(canvas.width / bitmap.width, canvas.height / bitmap.height);
  const [w, t] = [bitmap.width * scale, bitmap.height * scale];
  const context = canvas.getContext('2d');
  context.imageSmoothingQuality = 'high';
  context.drawImage(bitmap, (canvas.width - w) / 2, (canvas.height - t) / 2, w, t);
  bitmap.close();
  return canvas;
}

/** A size in words: 512 B, 34 KB, 1.2 MB. */
export function sizeOf(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  const kilobytes = bytes / 1024;
  return kilobytes < 1000 ? `${Math.round(kilobytes)} KB` : `${(kilobytes / 1024).toFixed(1)} MB`;
}
