/** What asks something before it is done: transfer, hold, return to the assistant, close, tags. */

import { html, useState } from '../vendor/htm-preact.js';
import { desk } from '../desk.js';
import { Avatar, Dialog, Field } from '../ui.js';
import { language, w } from '../words.js';

const HOLD_MINUTES = [15, 60, 240, 1440];

function Asking({ title, onClose, verb, row, values, primary, children }) {
  const [busy, setBusy] = useState(false);
  const submit = async (event) => {
    event.preventDefault();
    setBusy(true);
    const form = new FormData(event.target);
    if (await desk.act(row.conversation, verb, values(form))) onClose();
    else setBusy(false);
  };
  return html`<${Dialog} title=${title} onClose=${onClose}>
    <form onSubmit=${submit}>${children}
      <footer><button type="button" onClick=${onClose}>${w().cancel}</button><button class="primary" disabled=${busy}>${primary ?? w().confirm}</button></footer>
    </form>
  <//>`;
}

/** To whom, and why; a supervisor assigns without asking. */
export function TransferDialog({ state, row, onClose, assigns = false }) {
  const others = [...state.agents.values()].filter((each) => `agent:${each.id}` !== row.owner && !each.disabled);
  const departments = state.departments.filter((each) => each.id !== row.department || assigns);
  const values = (form) => {
    const [kind, id] = form.get('to').split(/:(.*)/s);
    return { [kind === 'agent' ? 'to_agent' : 'to_department']: id, ...(assigns ? {} : { note: form.get('note').trim() }) };
  };
  return html`<${Asking} title=${assigns ? w().assign : w().transfer} onClose=${onClose} verb=${assigns ? 'assign' : 'transfer'} row=${row} values=${values} primary=${assigns ? w().assign : w().transfer}>
    <fieldset class="choices"><legend>${w().transferTo}</legend>
      ${others.map((each) => html`<label key=${each.id}><input type="radio" name="to" value=${`agent:${each.id}`} required disabled=${!assigns && each.presence !== 'available'} />
        <${Avatar} id=${each.id} name=${each.name} presence=${each.presence} /><span>${each.name}<small>${w()[each.presence ?? 'offline']} · ${w().load(each.load ?? 0, each.capacity ?? 0)}</small></span></label>`)}
      ${!assigns && departments.map((each) => html`<label key=${each.id}><input type="radio" name="to" value=${`department:${each.id}`} required /><span>${language() === 'zh' ? each.name_zh : each.name_en}<small>${w().department}</small></span></label>`)}
    </fieldset>
    ${!assigns && html`<${Field} label=${w().reasonNote}><textarea name="note" rows="3" required maxlength="2000"></textarea><//>`}
  <//>`;
}

/** Until when. */
export function HoldDialog({ row, onClose }) {
  const name = (minutes) => (minutes < 60 ? w().minutes(minutes) : w().hours(minutes / 60));
  return html`<${Asking} title=${w().hold} onClose=${onClose} verb="hold" row=${row} values=${(form) => ({ until: Date.now() + Number(form.get('minutes')) * 60_000 })} primary=${w().hold}>
    <fieldset class="choices inline"><legend>${w().holdFor}</legend>
      ${HOLD_MINUTES.map((minutes, at) => html`<label key=${minutes}><input type="radio" name="minutes" value=${minutes} defaultChecked=${at === 1} required /><span>${name(minutes)}</span></label>`)}
    </fieldset>
  <//>`;
}

/** With what the assistant should know. */
export function ReturnDialog({ row, onClose }) {
  return html`<${Asking} title=${w().returnToBot} onClose=${onClose} verb="return_to_bot" row=${row} values=${(form) => ({ note: form.get('note').trim() })} primary=${w().returnToBot}>
    <${Field} label=${w().noteForBot}><textarea name="note" rows="3" required maxlength="2000"></textarea><//>
  <//>`;
}

/** How it ended. */
export function CloseDialog({ row, onClose }) {
  return html`<${Asking} title=${w().close} onClose=${onClose} verb="close" row=${row} values=${(form) => ({ resolution: form.get('resolution'), tags: split(form.get('tags')) })} primary=${w().close}>
    <fieldset class="choices inline"><legend>${w().resolution}</legend>
      ${Object.entries(w().resolutions).map(([value, label], at) => html`<label key=${value}><input type="radio" name="resolution" value=${value} defaultChecked=${at === 0} required /><span>${label}</span></label>`)}
    </fieldset>
    <${Field} label=${w().tags} hint=${w().tagsHint}><input name="tags" defaultValue=${(row.tags ?? []).join(', ')} maxlength="300" /><//>
  <//>`;
}

export function TagsDialog({ row, onClose }) {
  return html`<${Asking} title=${w().tags} onClose=${onClose} verb="tag" row=${row} values=${(form) => ({ tags: split(form.get('tags')) })} primary=${w().save}>
    <${Field} label=${w().tags} hint=${w().tagsHint}><input name="tags" defaultValue=${(row.tags ?? []).join(', ')} maxlength="300" /><//>
  <//>`;
}

/** Tags as they were typed, with commas of either language. */
export const split = (text) => [...new Set(text.split(/[,，、;；]/).map((tag) => tag.trim().slice(0, 40)).filter(Boolean))].slice(0, 20);
