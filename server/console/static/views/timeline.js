/** What was said and done, in one order; internal lines look different at a glance. */

import { html, useEffect, useLayoutEffect, useRef, useState } from '../vendor/htm-preact.js';
import { desk, nameOfAuthor, nameOfVisitor } from '../desk.js';
import { markdown } from '../markdown.js';
import { Avatar, Icon, Loading, Pill } from '../ui.js';
import { clock, w } from '../words.js';

const NEAR_PX = 120; // from the end: then new lines are followed

export function Timeline({ state, row, thread }) {
  const ref = useRef();
  const near = useRef(true);
  const before = useRef(0);
  const [loading, setLoading] = useState(false);
  const events = (thread?.events ?? []).filter(worthShowing);
  const receipts = new Map((thread?.events ?? []).filter((event) => event.kind === 'understood').map(({ turn, receipt }) => [turn, receipt]));
  const last = events.at(-1);
  useLayoutEffect(() => {
    const box = ref.current;
    if (near.current) box.scrollTop = box.scrollHeight;
    else if (before.current) box.scrollTop += box.scrollHeight - before.current; // what is read stays where it is
    before.current = 0;
  });
  useEffect(() => {
    if (near.current) desk.read(row.conversation);
  }, [last?.id]);
  const scrolled = ({ target }) => {
    near.current = target.scrollHeight - target.scrollTop - target.clientHeight < NEAR_PX;
  };
  const older = async () => {
    setLoading(true);
    before.current = ref.current.scrollHeight;
    near.current = false;
    await desk.older(row.conversation).catch((problem) => desk.tell(desk.wordsFor(problem), { bad: true }));
    setLoading(false);
  };
  return html`<div class="timeline" ref=${ref} onScroll=${scrolled} role="log" aria-label=${nameOfVisitor(row)} tabindex="0">
    ${thread?.more && events.length > 0 && html`<button type="button" class="link older" disabled=${loading} onClick=${older}>${loading ? w().loading : w().older}</button>`}
    ${!thread || thread.loading ? html`<${Loading} lines=${6} />` : events.map((event, at) => html`<${Line} key=${event.id} state=${state} row=${row} event=${withReceipt(event, receipts)} first=${event.author !== events[at - 1]?.author} />`)}
    ${(thread?.pending ?? []).map((item) => html`<${Pending} key=${item.id} item=${item} row=${row} />`)}
    ${thread?.chunk && html`<div class="line bot"><div class="bubble">${thread.chunk}</div></div>`}
    ${[...(thread?.typing ?? [])].filter(([author]) => author !== `agent:${state.me.id}`).map(([author, { text }]) => html`<div class="line typing" key=${author}>
      <small>${w().typing(author === 'visitor' ? nameOfVisitor(row) : nameOfAuthor(author, state))}</small>${text && html`<div class="bubble preview">${text}</div>`}
    </div>`)}
  </div>`;
}

const SILENT = new Set(['cancel', 'answer_offer', 'wait', 'end']); // the line that the system answers with says it

function worthShowing(event) {
  if (event.kind === 'understood') return false;
  if (event.kind === 'moved') return event.status in w().moved; // the others are told to the visitor as well
  if (event.kind === 'acted') return !SILENT.has(event.action);
  if (event.kind === 'replied') return Boolean(event.text || event.choices?.length || event.erased);
  return true;
}

/** A reply that just came has its reasons in the internal event behind it. */
function withReceipt(event, receipts) {
  const receipt = event.kind === 'replied' && !event.receipt && receipts.get(event.turn);
  return receipt ? { ...event, receipt } : event;
}

function Line({ state, row, event, first }) {
  switch (event.kind) {
    case 'opened':
      return html`<p class="divider">${w().opened} · ${clock(event.at)}</p>`;
    case 'status':
      return html`<p class="status"><span>${event.text}</span><time>${clock(event.at)}</time></p>`;
    case 'moved':
      return html`<p class="audit">${nameOfAuthor(event.author, state, event.name)} ${w().moved[event.status]}${event.reason ? ` · ${w().reasons[event.reason] ?? event.reason}` : ''}<time>${clock(event.at)}</time></p>`;
    case 'noted':
      return html`<article class="line note"><div class="bubble"><header><${Icon} name="note" />${nameOfAuthor(event.author, state, event.name)} · ${w().noted}</header><${Text} text=${event.text} /></div><time>${clock(event.at)}</time></article>`;
    case 'acted':
      return html`<p class="acted ${event.author}">${acted(event)}<time>${clock(event.at)}</time></p>`;
    default:
      return html`<${Message} state=${state} row=${row} event=${event} first=${first} />`;
  }
}

function acted({ action, text, value }) {
  if (action === 'human') return w().pressedHuman;
  if (action === 'rate') return w().rated(value) + (text ? ` · “${text}”` : '');
  if (action === 'leave_message') return `${w().leftMessage}: ${[value, text].filter(Boolean).join(' · ')}`;
  if (action === 'feedback') return value === 'up' ? w().thumbUp : w().thumbDown;
  return `${w().chose}: ${text || value}`;
}

function Message({ state, row, event, first }) {
  const side = event.author === 'visitor' ? 'visitor' : event.author === 'bot' ? 'bot' : 'agent';
  const name = side === 'visitor' ? nameOfVisitor(row) : nameOfAuthor(event.author, state, event.name);
  return html`<article class=${`line ${side}`}>
    ${first && html`<header><${Avatar} id=${side === 'visitor' ? row.visitor.id : event.author} name=${name} /><strong>${name}</strong>${side === 'bot' && event.decision && html`<${Pill}>${w().decisions[event.decision] ?? event.decision}<//>`}</header>`}
    <div class="bubble">
      ${event.erased ? html`<em>${w().erased}</em>` : event.text && html`<${Text} text=${event.text} rich=${side !== 'visitor'} />`}
      ${(event.files ?? []).map((file) => html`<a class="file" key=${file.id} href=${`/v1/console/files/${encodeURIComponent(file.id)}`} target="_blank" rel="noopener noreferrer"><${Icon} name="clip" />${file.name}</a>`)}
      ${event.choices?.length > 0 && html`<ul class="offered">${event.choices.map((choice) => html`<li key=${choice.entry_id ?? choice.value}>${choice.label}</li>`)}</ul>`}
    </div>
    <footer><time>${clock(event.at)}</time>${event.sources?.length > 0 && html`<span>${w().sources} ${event.sources.map((source) => source.title).join(' · ')}</span>`}${event.receipt && html`<${Receipt} receipt=${event.receipt} event=${event} />`}</footer>
  </article>`;
}

/** Markdown as the visitor sees it, or the visitor's own words as they are. */
export function Text({ text = '', rich = false }) {
  const ref = useRef();
  useLayoutEffect(() => {
    if (rich) ref.current.replaceChildren(markdown(text));
  }, [text, rich]);
  return rich ? html`<div class="text" ref=${ref}></div>` : html`<div class="text plain">${text}</div>`;
}

/** Why the assistant said it. */
function Receipt({ receipt, event }) {
  const number = (value) => (typeof value === 'number' ? value.toFixed(3) : '—');
  const { candidates = [], confidence, threshold, took_ms: took, question } = receipt;
  return html`<details class="receipt"><summary>${w().receipt}</summary><dl>
    <div><dt>${w().decision}</dt><dd>${w().decisions[event.decision] ?? event.decision}${event.reason ? ` (${event.reason})` : ''}</dd></div>
    ${question && html`<div><dt>${w().understood}</dt><dd>${question}</dd></div>`}
    <div><dt>${w().confidence}</dt><dd>${number(confidence)}${threshold !== undefined && ` / ${w().threshold} ${number(threshold)}`}</dd></div>
    ${took !== undefined && html`<div><dt>${w().took}</dt><dd>${Math.round(took)} ms</dd></div>`}
    ${candidates.length > 0 && html`<div><dt>${w().candidates}</dt><dd><ol>${candidates.map((each) => html`<li key=${each.entry_id}>${each.title ?? each.entry_id} <b>${number(each.score)}</b></li>`)}</ol></dd></div>`}
  </dl></details>`;
}

function Pending({ item, row }) {
  return html`<article class=${`line ${item.note ? 'note' : 'agent'} pending`}>
    <div class="bubble"><div class="text plain">${item.text}</div></div>
    <footer>${item.failed
      ? html`<span class="error" role="alert">${w().notSent}: ${item.failed}</span><button type="button" class="link" onClick=${() => desk.again(row.conversation, item)}>${w().retry}</button><button type="button" class="link" onClick=${() => desk.discard(row.conversation, item.id)}>${w().discard}</button>`
      : html`<span>${w().sending}</span>`}</footer>
  </article>`;
}
