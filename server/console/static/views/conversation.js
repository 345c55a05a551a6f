/** One conversation: who it is, what can be done, what was said, and the place to answer. */

import { html, useState } from '../vendor/htm-preact.js';
import { desk, nameOfAuthor, nameOfVisitor } from '../desk.js';
import { queued, ticket } from '../state.js';
import { Avatar, Icon, IconButton, Pill, useNow } from '../ui.js';
import { clock, span, w } from '../words.js';
import { CloseDialog, HoldDialog, ReturnDialog, TagsDialog, TransferDialog } from './actions.js';
import { Composer } from './composer.js';
import { Timeline } from './timeline.js';

export function Conversation({ state, row, details, onDetails }) {
  const [dialog, setDialog] = useState('');
  const thread = state.threads.get(row.conversation);
  const close = () => setDialog('');
  return html`<section class="conversation" aria-label=${nameOfVisitor(row)}>
    <header class="conversation-head">
      <${IconButton} name="back" label=${w().inbox} kind="only-narrow" onClick=${() => desk.open('')} />
      <${Avatar} id=${row.visitor.id} name=${nameOfVisitor(row)} />
      <div class="who"><h2>${nameOfVisitor(row)}${row.visitor.verified && html` <${Icon} name="shield" label=${w().verified} />`}</h2><${Where} state=${state} row=${row} /></div>
      <${Actions} state=${state} row=${row} onDialog=${setDialog} />
      <${IconButton} name="panel" label=${w().details} pressed=${details} onClick=${onDetails} />
    </header>
    <${Timeline} state=${state} row=${row} thread=${thread} />
    <${Composer} state=${state} row=${row} thread=${thread} />
    ${dialog === 'transfer' && html`<${TransferDialog} state=${state} row=${row} onClose=${close} />`}
    ${dialog === 'assign' && html`<${TransferDialog} state=${state} row=${row} onClose=${close} assigns />`}
    ${dialog === 'hold' && html`<${HoldDialog} row=${row} onClose=${close} />`}
    ${dialog === 'close' && html`<${CloseDialog} row=${row} onClose=${close} />`}
    ${dialog === 'return' && html`<${ReturnDialog} row=${row} onClose=${close} />`}
    ${dialog === 'tags' && html`<${TagsDialog} row=${row} onClose=${close} />`}
  </section>`;
}

function Where({ state, row }) {
  const now = useNow(5_000);
  const viewers = (row.viewers ?? []).filter((id) => id !== state.me.id).map((id) => nameOfAuthor(id, state));
  const waiting = queued(row);
  return html`<p class="where">
    <${Pill} kind=${`state-${row.state}`}>${w().states[row.state] ?? row.state}<//>
    ${row.owner.startsWith('agent:') && html`<span>${row.owner === `agent:${state.me.id}` ? w().you : row.owner_name || nameOfAuthor(row.owner, state)}</span>`}
    ${waiting && html`<span>${w().waitsSince(span(now - row.enqueued_at))}</span>`}
    ${row.visitor_presence === 'online' ? html`<span><i class="dot available"></i>${w().online}</span>` : row.visitor_presence && html`<span><i class="dot offline"></i>${row.visitor_gone_at ? w().left(clock(row.visitor_gone_at, now)) : w().offline}</span>`}
    ${viewers.length > 0 && html`<span class="viewers"><${Icon} name="eye" />${w().viewing(viewers.join(', '))}</span>`}
  </p>`;
}

/** What an agent may do next: the likely thing as a button, the rest behind a menu. */
function Actions({ state, row, onDialog }) {
  const me = `agent:${state.me.id}`;
  const supervises = state.me.role !== 'agent';
  const act = (verb, values) => () => desk.act(row.conversation, verb, values);
  const mine = row.owner === me;
  if (queued(row) || ticket(row)) {
    return html`<div class="actions">
      ${supervises && html`<button type="button" onClick=${() => onDialog('assign')}>${w().assign}</button>`}
      ${row.state === 'ringing' && row.offered_to === state.me.id && html`<button type="button" onClick=${act('decline')}>${w().decline}</button>`}
      <button type="button" class="primary" onClick=${() => desk.accept(row.conversation)}>${w().accept}</button>
    </div>`;
  }
  if (row.state === 'transferring' && row.transfer_to === me) {
    return html`<div class="actions"><button type="button" onClick=${() => desk.decline(row.conversation)}>${w().declineTransfer}</button><button type="button" class="primary" onClick=${() => desk.accept(row.conversation)}>${w().acceptTransfer}</button></div>`;
  }
  if (row.state === 'wrap_up' && mine) {
    return html`<div class="actions"><button type="button" onClick=${() => onDialog('tags')}>${w().tag}</button><button type="button" class="primary" onClick=${act('finish')}>${w().finish}</button></div>`;
  }
  if (mine) {
    const held = row.state === 'on_hold';
    return html`<div class="actions">
      <button type="button" class="wide-only" onClick=${() => onDialog('transfer')}><${Icon} name="swap" />${w().transfer}</button>
      ${held ? html`<button type="button" onClick=${act('resume')}><${Icon} name="play" />${w().resume}</button>` : html`<button type="button" class="wide-only" onClick=${() => onDialog('hold')}><${Icon} name="pause" />${w().hold}</button>`}
      <${More} items=${[['transfer', w().transfer, 'narrow'], !held && ['hold', w().hold, 'narrow'], ['return', w().returnToBot], ['tags', w().tag]].filter(Boolean)} onPick=${onDialog} />
      <button type="button" class="primary" onClick=${() => onDialog('close')}>${w().close}</button>
    </div>`;
  }
  if (row.state === 'closed' || row.state === 'wrap_up') return html`<div class="actions"></div>`;
  return html`<div class="actions">
    ${supervises && row.owner.startsWith('agent:') && html`<button type="button" class="wide-only" onClick=${act('requeue')}>${w().requeue}</button>`}
    <button type="button" onClick=${act('take_over')}>${w().takeOver}</button>
  </div>`;
}

function More({ items, onPick }) {
  const [open, setOpen] = useState(false);
  const pick = (name) => (setOpen(false), onPick(name));
  return html`<div class="more" onKeyDown=${(event) => event.key === 'Escape' && setOpen(false)} onFocusOut=${(event) => event.currentTarget.contains(event.relatedTarget) || setOpen(false)}>
    <button type="button" class="icon-button" aria-haspopup="menu" aria-expanded=${open} aria-label=${w().more} title=${w().more} onClick=${() => setOpen(!open)}><${Icon} name="more" /></button>
    ${open && html`<div class="menu" role="menu">${items.map(([name, label, when]) => html`<button type="button" role="menuitem" key=${name} class=${when === 'narrow' ? 'narrow-only' : ''} onClick=${() => pick(name)}>${label}</button>`)}</div>`}
  </div>`;
}
