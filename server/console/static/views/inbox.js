/** The list of conversations, and the one that is open. */

import { html, useCallback, useEffect, useMemo, useRef, useState } from '../vendor/htm-preact.js';
import { desk, nameOfAuthor, nameOfVisitor } from '../desk.js';
import { BOXES, counts, filtered, queued, unread } from '../state.js';
import { Avatar, Empty, Failed, Icon, Loading, Pill, useNow } from '../ui.js';
import { clock, language, span, w } from '../words.js';
import { Conversation } from './conversation.js';
import { Details } from './details.js';

const ROW_PX = 76; // of one row: the list draws only what is seen
const BEYOND = 8;
const AHEAD = 60; // rows: so near to the end of what is known, the next part is read

export function Inbox({ state }) {
  const [details, showDetails] = useState(innerWidth >= 1180);
  const row = state.cases.get(state.selected);
  const key = row && `${row.conversation} ${state.erased.get(row.conversation) ?? 0}`; // what was erased is drawn anew
  return html`<main class=${`inbox ${state.selected ? 'has-open' : ''} ${details ? 'has-details' : ''}`}>
    <h1 class="unseen">${w().inbox}</h1>
    <${List} state=${state} />
    ${row
      ? html`<${Conversation} key=${key} state=${state} row=${row} details=${details} onDetails=${() => showDetails(!details)} />`
      : html`<section class="conversation"><${Empty} title=${w().select} hint=${w().selectHint} /></section>`}
    ${row && details && html`<${Details} key=${key} state=${state} row=${row} />`}
  </main>`;
}

function List({ state }) {
  const [filter, setFilter] = useState('');
  const { box } = state;
  const list = state.lists.get(box);
  const count = counts(state);
  useEffect(() => {
    desk.list(box);
  }, [box]);
  useEffect(() => {
    const wanted = filter.trim();
    const timer = wanted && setTimeout(() => desk.find(box, wanted), 250);
    return () => clearTimeout(timer);
  }, [box, filter]);
  const shown = useMemo(() => filtered(state, box, filter, texts), [state.cases, state.lists, box, filter]);
  const nearEnd = useCallback(() => desk.more(box), [box]);
  return html`<section class="list" aria-label=${w().inbox}>
    <div class="tabs" role="tablist">
      ${BOXES.map((name) => html`<button type="button" role="tab" key=${name} aria-selected=${box === name} onClick=${() => desk.set({ ...desk.state, box: name })}>
        ${w().boxes[name]}${count[name] > 0 && html`<b class=${name === 'queue' ? 'count warn' : 'count'}>${count[name]}</b>`}
      </button>`)}
    </div>
    <label class="filter"><${Icon} name="search" /><input type="search" value=${filter} placeholder=${w().filter} aria-label=${w().filter} onInput=${(event) => setFilter(event.target.value)} /></label>
    ${shown.length
      ? html`<${Rows} key=${box} state=${state} shown=${shown} onNearEnd=${nearEnd} />`
      : html`<${Nothing} box=${box} list=${list} filter=${filter} />`}
  </section>`;
}

function Nothing({ box, list, filter }) {
  if (list?.error) return html`<${Failed} again=${() => desk.list(box)} />`;
  if (!list || list.loading) return html`<${Loading} lines=${6} />`;
  if (filter) return html`<${Empty} icon="search" title=${w().noneMatch} />`;
  return html`<${Empty} icon=${box === 'queue' ? 'clock' : 'inbox'} title=${w().emptyBox[box]} hint=${w().emptyBoxHint[box]} />`;
}

/** Draws the rows that are seen, out of ten thousand. */
function Rows({ state, shown, onNearEnd }) {
  const ref = useRef();
  const [first, setFirst] = useState(0);
  const [height, setHeight] = useState(800);
  const now = useNow(10_000);
  useEffect(() => {
    const watch = new ResizeObserver(([entry]) => setHeight(entry.contentRect.height));
    watch.observe(ref.current);
    return () => watch.disconnect();
  }, []);
  useEffect(() => {
    const at = shown.findIndex((row) => row.conversation === state.selected);
    const box = ref.current;
    if (at < 0) return;
    if (at * ROW_PX < box.scrollTop) box.scrollTop = at * ROW_PX;
    else if ((at + 1) * ROW_PX > box.scrollTop + box.clientHeight) box.scrollTop = (at + 1) * ROW_PX - box.clientHeight;
  }, [state.selected]);
  const from = Math.max(0, first - BEYOND);
  const to = Math.min(shown.length, first + Math.ceil(height / ROW_PX) + 1 + BEYOND);
  useEffect(() => {
    if (to + AHEAD > shown.length) onNearEnd();
  }, [to, shown.length, onNearEnd]);
  return html`<div class="rows" ref=${ref} onScroll=${(event) => setFirst(Math.floor(event.target.scrollTop / ROW_PX))}>
    <ul style=${{ height: `${shown.length * ROW_PX}px`, paddingTop: `${from * ROW_PX}px` }}>
      ${shown.slice(from, to).map((row) => html`<${Row} key=${row.conversation} state=${state} row=${row} now=${now} />`)}
    </ul>
  </div>`;
}

/** A row; it is made anew only when something that it shows has changed, as scrolling draws the others again and again. */
function Row({ state, row, now }) {
  const selected = state.selected === row.conversation;
  return useMemo(() => drawn(state, row, now, selected), [row, now, selected, state.agents, state.me, language()]);
}

function drawn(state, row, now, selected) {
  const waits = queued(row);
  const author = ['visitor', ''].includes(row.last_author ?? '') ? '' : `${row.last_author === `agent:${state.me.id}` ? w().you : nameOfAuthor(row.last_author, state)}: `;
  return html`<li class="row-item">
    <button type="button" class=${`row ${unread(row) ? 'unread' : ''}`} aria-current=${selected ? 'true' : undefined} onClick=${() => desk.open(row.conversation)}>
      <${Avatar} id=${row.visitor.id} name=${nameOfVisitor(row)} presence=${row.visitor_presence === 'online' ? 'available' : row.visitor_presence && 'offline'} />
      <span class="row-main">
        <span class="row-top"><strong>${nameOfVisitor(row)}</strong><time>${waits ? w().waitsSince(span(now - row.enqueued_at)) : clock(row.last_at, now)}</time></span>
        <span class="row-text">${author}${row.last_text?.replaceAll('**', '') || '…'}</span>
        <span class="row-pills">
          <${Pill} kind=${`state-${row.state}`}>${w().states[row.state] ?? row.state}<//>
          ${row.owner.startsWith('agent:') && row.owner !== `agent:${state.me.id}` && html`<${Pill}>${row.owner_name || nameOfAuthor(row.owner, state)}<//>`}
          ${waits && row.reason && html`<${Pill} kind=${row.priority > 0 ? 'warn' : ''}>${w().reasons[row.reason] ?? row.reason}<//>`}
          ${row.sentiment === 'negative' && html`<${Pill} kind="warn">${w().moods.negative}<//>`}
          ${(row.tags ?? []).slice(0, 2).map((tag) => html`<${Pill} key=${tag} kind="tag">${tag}<//>`)}
        </span>
      </span>
    </button>
  </li>`;
}

const texts = (row) => [nameOfVisitor(row), row.last_text, ...(row.tags ?? [])];
