/** What is around every page: the rail, what rings, what is told, and the keys that work everywhere. */

import { html, useEffect, useState } from '../vendor/htm-preact.js';
import { desk, nameOfVisitor } from '../desk.js';
import { counts, rows } from '../state.js';
import { theme } from '../theme.js';
import { Avatar, Dialog, Icon, IconButton, useNow } from '../ui.js';
import { language, w } from '../words.js';
import { Board } from './board.js';
import { Inbox } from './inbox.js';
import { Search } from './search.js';
import { Settings } from './settings.js';

const CHOICES = ['available', 'busy', 'away'];

export function Shell({ state, onLanguage }) {
  const [page, go] = useState('inbox');
  const [help, setHelp] = useState(false);
  useEffect(() => {
    const pressed = (event) => keys(event, { go, setHelp });
    addEventListener('keydown', pressed);
    return () => removeEventListener('keydown', pressed);
  }, []);
  const { unread, queue } = counts(state);
  const supervises = state.me.role !== 'agent';
  const pages = [['inbox', unread + queue], supervises && ['board', 0], ['search', 0], ['settings', 0]].filter(Boolean);
  return html`<div class="shell">
    <nav class="rail" aria-label=${w().name}>
      <img src="/console/static/icon.svg" alt="" width="32" height="32" />
      ${pages.map(([name, count]) => html`<button type="button" key=${name} class="rail-item" aria-current=${page === name ? 'page' : undefined} onClick=${() => go(name)}>
        <${Icon} name=${name} /><span>${w()[name]}</span>${count > 0 && html`<b class="count">${count}</b>`}
      </button>`)}
      <span class="grow"></span>
      <${IconButton} name="keyboard" label=${w().shortcuts} onClick=${() => setHelp(true)} />
      <${IconButton} name="moon" label=${w().theme} onClick=${theme.toggle} />
      <button type="button" class="icon-button text" title=${w().language} aria-label=${w().language} onClick=${onLanguage}>${language() === 'zh' ? 'EN' : '中'}</button>
      <${Me} state=${state} />
    </nav>
    <div class="stage">
      ${state.link !== 'online' && html`<p class="banner" role="status"><${Icon} name="alert" />${w().reconnecting}</p>`}
      ${page === 'inbox' && html`<${Inbox} state=${state} />`}
      ${page === 'board' && html`<${Board} state=${state} onOpen=${(id) => (desk.open(id), go('inbox'))} />`}
      ${page === 'search' && html`<${Search} state=${state} onOpen=${(id) => (desk.open(id), go('inbox'))} />`}
      ${page === 'settings' && html`<${Settings} state=${state} />`}
    </div>
    <${Rings} state=${state} onAccept=${() => go('inbox')} />
    <${Toasts} state=${state} onOpen=${(id) => (desk.open(id), go('inbox'))} />
    ${help && html`<${Dialog} title=${w().shortcuts} onClose=${() => setHelp(false)}>
      <dl class="keys">${w().keys.map(([key, what]) => html`<div key=${key}><dt><kbd>${key}</kbd></dt><dd>${what}</dd></div>`)}</dl>
    <//>`}
  </div>`;
}

function Me({ state }) {
  const [open, setOpen] = useState(false);
  const mine = state.agents.get(state.me.id) ?? state.me;
  const presence = mine.presence ?? 'offline';
  const choose = (wanted) => {
    setOpen(false);
    desk.presence(wanted);
  };
  useEffect(() => {
    if (!open) return undefined;
    const shut = (event) => event.target.closest?.('.me') || setOpen(false);
    const escape = (event) => event.key === 'Escape' && setOpen(false);
    addEventListener('click', shut);
    addEventListener('keydown', escape);
    return () => (removeEventListener('click', shut), removeEventListener('keydown', escape));
  }, [open]);
  return html`<div class="me">
    <button type="button" class="me-button" aria-haspopup="menu" aria-expanded=${open} aria-label=${`${w().presence}: ${w()[presence]}`} onClick=${() => setOpen(!open)}>
      <${Avatar} id=${state.me.id} name=${state.me.name} presence=${presence} />
    </button>
    ${open && html`<div class="menu up" role="menu">
      <p class="menu-title">${state.me.name}<small>${w().load(mine.load ?? 0, mine.capacity ?? 0)}</small></p>
      ${CHOICES.map((each) => html`<button type="button" role="menuitemradio" aria-checked=${presence === each} key=${each} onClick=${() => choose(each)}><i class=${`dot ${each}`}></i>${w()[each]}</button>`)}
      <hr /><button type="button" role="menuitem" onClick=${() => desk.signOut()}><${Icon} name="out" />${w().signOut}</button>
    </div>`}
  </div>`;
}

function Rings({ state, onAccept }) {
  const now = useNow(500);
  const ringing = [...state.rings].filter(([, until]) => until > now);
  return html`<section class="rings" aria-live="assertive" aria-label=${w().newChat}>
    ${ringing.map(([conversation, until]) => {
      const row = state.cases.get(conversation);
      const total = Math.max(until - (row?.since ?? now), 1);
      return html`<article class="ring" key=${conversation}>
        <header><${Avatar} id=${row?.visitor?.id ?? ''} name=${nameOfVisitor(row)} /><div><strong>${(row?.state === 'transferring' ? w().asksYou : w().rings)(nameOfVisitor(row))}</strong><small>${(row?.state === 'transferring' && row.transfer_note) || (w().reasons[row?.reason] ?? row?.reason ?? '')}</small></div></header>
        <p>${row?.last_text}</p>
        <progress max=${total} value=${Math.max(0, until - now)} aria-label=${w().secondsLeft(Math.ceil((until - now) / 1000))}></progress>
        <footer>
          <button type="button" onClick=${() => desk.decline(conversation)}>${w().decline}</button>
          <button type="button" class="primary" onClick=${() => (desk.accept(conversation), onAccept())}>${w().accept}<kbd>Alt A</kbd></button>
        </footer>
      </article>`;
    })}
  </section>`;
}

function Toasts({ state, onOpen }) {
  return html`<div class="toasts" role="status" aria-live="polite">
    ${state.toasts.map(({ id, text, bad, conversation }) => html`<div key=${id} class=${bad ? 'toast bad' : 'toast'}>
      <${Icon} name=${bad ? 'alert' : 'check'} /><span>${text}</span>
      ${conversation && html`<button type="button" class="link" onClick=${() => onOpen(conversation)}>${w().open}</button>`}
    </div>`)}
  </div>`;
}

function keys(event, { go, setHelp }) {
  const writes = event.target.closest?.('input, textarea, select, [contenteditable]');
  if ((event.ctrlKey || event.metaKey) && event.key === 'k') return done(event, () => go('search'));
  if (event.altKey && (event.key === 'ArrowDown' || event.key === 'ArrowUp')) {
    return done(event, () => step(event.key === 'ArrowDown' ? 1 : -1));
  }
  if (event.altKey && event.code === 'KeyA') {
    const [first] = desk.state.rings.keys();
    return first ? done(event, () => (desk.accept(first), go('inbox'))) : undefined;
  }
  if (event.key === '?' && !writes) return done(event, () => setHelp(true));
  return undefined;
}

function done(event, what) {
  event.preventDefault();
  what();
}

function step(by) {
  const { state } = desk;
  const ids = rows(state, state.box).map((row) => row.conversation);
  if (!ids.length) return;
  const at = ids.indexOf(state.selected);
  desk.open(ids[at < 0 ? 0 : (at + by + ids.length) % ids.length]);
}
