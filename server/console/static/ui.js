/** Small parts that every page of the console is made of. */

import { html, useEffect, useRef, useState } from './vendor/htm-preact.js';
import { w } from './words.js';

const PATHS = {
  inbox: 'M4 13h4l1.5 3h5L16 13h4M4 13 6.5 5h11L20 13v6H4z',
  board: 'M5 20V11M12 20V4M19 20v-6',
  search: 'M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM20 20l-4-4',
  settings: 'M12 15.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM19 12l2-1-1.5-3.5-2.2.6-1.4-1.4.6-2.2L13 3l-1 2h0l-1-2-3.5 1.4.6 2.2-1.4 1.4-2.2-.6L3 11l2 1-2 1 1.5 3.5 2.2-.6 1.4 1.4-.6 2.2L11 21l1-2 1 2 3.5-1.5-.6-2.2 1.4-1.4 2.2.6L21 13z',
  send: 'M4 12 20 4l-6 16-3-7z',
  clip: 'M20 11.5 12.5 19a4.6 4.6 0 0 1-6.5-6.5l8-8a3 3 0 0 1 4.3 4.3l-8 8a1.5 1.5 0 0 1-2.1-2.1l7-7',
  check: 'M5 12.5 10 17 19 7',
  cross: 'M6 6l12 12M18 6 6 18',
  more: 'M5 12h.01M12 12h.01M19 12h.01',
  note: 'M6 3h9l4 4v14H6zM9 12h7M9 16h5',
  swap: 'M4 8h13l-3-3M20 16H7l3 3',
  pause: 'M9 5v14M15 5v14',
  play: 'M8 5l11 7-11 7z',
  bot: 'M12 4v3M6 9h12v9H6zM9.5 13h.01M14.5 13h.01M3 12v3M21 12v3',
  back: 'M15 5l-7 7 7 7',
  panel: 'M4 5h16v14H4zM14.5 5v14',
  moon: 'M20 14.5A8 8 0 1 1 9.5 4 6.5 6.5 0 0 0 20 14.5z',
  keyboard: 'M3 7h18v10H3zM7 11h.01M11 11h.01M15 11h.01M8 14h8',
  bell: 'M6 17V11a6 6 0 1 1 12 0v6l1.5 2h-15zM10 21h4',
  alert: 'M12 4 2.5 20h19zM12 10v4M12 17h.01',
  clock: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 7v5l3.5 2',
  eye: 'M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12zM12 14.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5z',
  plus: 'M12 5v14M5 12h14',
  out: 'M14 4h5v16h-5M10 8l-4 4 4 4M6 12h9',
  shield: 'M12 3l7 3v5c0 5-3 8-7 10-4-2-7-5-7-10V6zM9 12l2 2 4-4',
};

/** A drawing beside words, or with a label of its own. */
export const Icon = ({ name, label }) => html`<svg class="icon" viewBox="0 0 24 24" role=${label ? 'img' : undefined} aria-label=${label} aria-hidden=${label ? undefined : 'true'}><path d=${PATHS[name]} /></svg>`;

/** A button that is only a drawing: its label is read out and shown at the pointer. */
export const IconButton = ({ name, label, onClick, pressed, disabled, kind = '' }) => html`<button type="button" class=${`icon-button ${kind}`} aria-label=${label} title=${label} aria-pressed=${pressed} disabled=${disabled} onClick=${onClick}><${Icon} name=${name} /></button>`;

/** Somebody, as a coloured initial that is always the same. */
export function Avatar({ id, name, presence }) {
  return html`<span class=${`avatar hue-${hue(id)}`} aria-hidden="true">${initial(name)}${presence && html`<i class=${`dot ${presence}`}></i>`}</span>`;
}

function hue(id) {
  let sum = 0;
  for (const letter of String(id).replace(/^agent:/, '')) sum = (sum * 31 + letter.codePointAt(0)) >>> 0;
  return sum % 8;
}

const initial = (name) => [...(name || '?').trim()][0]?.toUpperCase() ?? '?';

/** A state, a reason, a tag. */
export const Pill = ({ kind = '', children }) => html`<span class=${`pill ${kind}`}>${children}</span>`;

/** The present moment, once in a while: for waiting times. */
export function useNow(every = 1000) {
  const [now, set] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => set(Date.now()), every);
    return () => clearInterval(timer);
  }, [every]);
  return now;
}

/** What is shown instead of content. */
export function Empty({ icon = 'inbox', title, hint, action }) {
  return html`<div class="empty"><${Icon} name=${icon} /><p class="title">${title}</p>${hint && html`<p>${hint}</p>`}${action}</div>`;
}

/** Grey lines where content is about to be. */
export const Loading = ({ lines = 4 }) => html`<div class="skeleton" role="status" aria-label=${w().loading}>${Array.from({ length: lines }, () => html`<i></i>`)}</div>`;

/** What could not be loaded, and a way on. */
export const Failed = ({ again }) => html`<${Empty} icon="alert" title=${w().failed} action=${html`<button type="button" onClick=${again}>${w().retry}</button>`} />`;

/** A dialog over the page: keeps the focus, ends with Escape. */
export function Dialog({ title, onClose, children }) {
  const ref = useRef();
  useEffect(() => {
    ref.current.showModal();
  }, []);
  return html`<dialog ref=${ref} class="dialog" aria-label=${title} onClose=${onClose} onCancel=${onClose}>
    <header><h2>${title}</h2><${IconButton} name="cross" label=${w().cancel} onClick=${onClose} /></header>
    ${children}
  </dialog>`;
}

/** A labelled field. */
export function Field({ label, hint, error, children }) {
  return html`<label class="field"><span>${label}</span>${children}${hint && html`<small>${hint}</small>`}${error && html`<small class="error" role="alert">${error}</small>`}</label>`;
}

/** Load something for a page: [value, error, reload]. */
export function useLoaded(load, on) {
  const [value, set] = useState(undefined);
  const [error, fail] = useState(null);
  const [turn, next] = useState(0);
  useEffect(() => {
    let current = true;
    load().then(
      (loaded) => current && (set(loaded), fail(null)),
      (problem) => current && fail(problem),
    );
    return () => {
      current = false;
    };
  }, [...on, turn]);
  return [value, error, () => next((n) => n + 1)];
}
