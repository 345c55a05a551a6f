/** The list of conversations, and the one that is open. */

import { html, useEffect, useMemo, useRef, useState } from '../vendor/htm-preact.js';
import { desk, nameOfAuthor, nameOfVisitor } from '../desk.js';
import { BOXES, counts, rows, unread } from '../state.js';
import { Avatar, Empty, Failed, Icon, Loading, Pill, useNow } from '../ui.js';
import { clock, language, span, w } from '../words.js';
import { Conversation } from './conversation.js';
import { Details } from './details.js';

const ROW_PX = 76; // of one row: the list draws only what is seen
const BEYOND = 8;

export function Inbox({ state }) {
  const [details, showDetails] = useState(innerWidth >= 1180);
  const row = state.cases.get(state.selected);
  return html`<main class=${`inbox ${state.selected ? 'has-open' : ''} ${details ? 'has-details' : ''}`}>
    <h1 class="unseen">${w().inbox}</h1>
    <${List} state=${state} />
    ${row
      ? html`<${Conversation} key=${row.conversation} state=${state} row=${row} details=${details} onDetails=${() => showDetails(!details)} />`
      : html`<section class="conversation"><${Empty} title=${w().select} hint=${w().selectHint} /></section>`}
    ${row && details && html`<${Details} key=${row.conversation} state=${state} row=${row} />`}
  </main>`;
}

function List({ state }) {
  const [filter, setFilter] = useState('');
  const { box } = state;
  const list = state.lists.get(box);
  const count = counts(state);
  useEffect(() => {
    const wanted = filter.trim();
    const timer = setTimeout(() => desk.list(box, wanted ? { q: wanted } : {}), wanted ? 250 : 0);
    return () => clearTimeout(timer);
  }, [box, filter]);
  const shown = useMemo(() => matching(rows(state, box), filter), [state.cases, state.lists, box, filter]);
  return html`<section class="list" aria-label=${w().inbox}>
    <div class="tabs" role="tablist">
      ${BOXES.map((name) => html`<button type="button" role="tab" key=${name} aria-selected=${box === name} onClick=${() => desk.set({ ...desk.state, box: name })}>
        ${w().boxes[name]}${count[name] > 0 && html`<b class=${name === 'queue' ? 'count warn' : 'count'}>${count[name]}</b>`}
      </button>`)}
    </div>
    <label class="filter"><${Icon} name="search" /><input type="search" value=${filter} placeholder=${w().filter} aria-label=${w().filter} onInput=${(event) => setFilter(event.target.value)} /></label>
    ${shown.length
      ? html`<${Rows} state=${state} shown=${shown} />`
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
function Rows({ state, shown }) {
  const ref = useRef();
  const [top, setTop] = useState(0);
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
  const from = Math.max(0, Math.floor(top / ROW_PX) - BEYOND);
  const to = Math.min(shown.length, Math.ceil((top + height) / ROW_PX) + BEYOND);
  return html`<div class="rows" ref=${ref} onScroll=${(event) => setTop(event.target.scrollTop)}>
    <ul style=${{ height: `${shown.length * ROW_PX}px`, paddingTop: `${from * ROW_PX}px` }}>
      ${shown.slice(from, to).map((row) => html`<${Row} key=${row.conversation} state=${state} row=${row} now=${now} />`)}
    </ul>
  </div>`;
}

function Row({ state, row, now }) {
  const selected = state.selected === row.conversation;
  const queued = row.state === 'queued' || row.state === 'ringing';
  const author = row.last_author === 'visitor' ? '' : `${row.last_author === `agent:${state.me.id}` ? w().you : nameOfAuthor(row.last_author, state)}: `;
  return html`<li class="row-item">
    <button type="button" class=${`row ${unread(row) ? 'unread' : ''}`} aria-current=${selected ? 'true' : undefined} onClick=${() => desk.open(row.conversation)}>
      <${Avatar} id=${row.visitor.id} name=${nameOfVisitor(row)} presence=${row.visitor_presence === 'online' ? 'available' : row.visitor_presence && 'offline'} />
      <span class="row-main">
        <span class="row-top"><strong>${nameOfVisitor(row)}</strong><time>${queued ? w().waitsSince(span(now - row.enqueued_at)) : clock(row.last_at, now)}</time></span>
        <span class="row-text">${author}${row.last_text || '…'}</span>
        <span class="row-pills">
          <${Pill} kind=${`state-${row.state}`}>${w().states[row.state] ?? row.state}<//>
          ${row.owner.startsWith('agent:') && row.owner !== `agent:${state.me.id}` && html`<${Pill}>${row.owner_name || nameOfAuthor(row.owner, state)}<//>`}
          ${queued && row.reason && html`<${Pill} kind=${row.priority > 0 ? 'warn' : ''}>${w().reasons[row.reason] ?? row.reason}<//>`}
          ${row.sentiment === 'negative' && html`<${Pill} kind="warn">${w().moods.negative}<//>`}
          ${(row.tags ?? []).slice(0, 2).map((tag) => html`<${Pill} key=${tag} kind="tag">${tag}<//>`)}
        </span>
      </span>
    </button>
  </li>`;
}

function matching(all, filter) {
  const wanted = filter.trim().toLocaleLowerCase(language());
  if (!wanted) return all;
  return all.filter((row) => [nameOfVisitor(row), row.last_text, ...(row.tags ?? [])].some((text) => String(text ?? '').toLocaleLowerCase().includes(wanted)));
}
