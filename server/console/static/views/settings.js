/** What can be set: one's own account, canned replies, and for administrators agents, departments and the audit log. */

import { html, useState } from '../vendor/htm-preact.js';
import { api } from '../api.js';
import { setSound, soundOn } from '../attention.js';
import { desk } from '../desk.js';
import { Dialog, Empty, Failed, Field, Icon, Loading, Pill, useLoaded } from '../ui.js';
import { clock, language, w } from '../words.js';
import { Departments } from './departments.js';
import { Team } from './team.js';

export function Settings({ state }) {
  const [tab, go] = useState('account');
  const { role } = state.me;
  const tabs = ['account', 'canned', role === 'admin' && 'agents', role === 'admin' && 'departments', role !== 'agent' && 'audit'].filter(Boolean);
  return html`<main class="page settings">
    <h1>${w().settings}</h1>
    <div class="tabs" role="tablist">${tabs.map((name) => html`<button type="button" role="tab" key=${name} aria-selected=${tab === name} onClick=${() => go(name)}>${w()[name]}</button>`)}</div>
    ${tab === 'account' && html`<${Account} state=${state} />`}
    ${tab === 'canned' && html`<${Canned} state=${state} />`}
    ${tab === 'agents' && html`<${Team} state=${state} />`}
    ${tab === 'departments' && html`<${Departments} state=${state} />`}
    ${tab === 'audit' && html`<${Audit} />`}
  </main>`;
}

function Account({ state }) {
  const [error, setError] = useState('');
  const [sound, hear] = useState(soundOn());
  const [allowed, allow] = useState(typeof Notification === 'undefined' ? 'denied' : Notification.permission);
  const change = async (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    try {
      await api.changePassword(form.get('old'), form.get('fresh'));
      setError('');
      event.target.reset();
      desk.tell(w().passwordChanged);
    } catch (problem) {
      setError(problem.message || w().didNotWork);
    }
  };
  return html`<section class="narrow">
    <h2>${state.me.name} <${Pill}>${w().roles[state.me.role]}<//></h2>
    <label class="switch"><input type="checkbox" checked=${sound} onChange=${(event) => (setSound(event.target.checked), hear(event.target.checked))} /><span>${w().sound}</span></label>
    ${allowed === 'granted' ? html`<p class="faint"><${Icon} name="check" />${w().notificationsOn}</p>` : allowed === 'denied' ? html`<p class="faint">${w().notificationsBlocked}</p>` : html`<button type="button" onClick=${() => Notification.requestPermission().then(allow)}><${Icon} name="bell" />${w().notifications}</button>`}
    <h2>${w().changePassword}</h2>
    <form onSubmit=${change}>
      <${Field} label=${w().oldPassword}><input name="old" type="password" autocomplete="current-password" required /><//>
      <${Field} label=${w().newPassword} error=${error}><input name="fresh" type="password" autocomplete="new-password" minlength="10" required /><//>
      <button class="primary">${w().changePassword}</button>
    </form>
    <button type="button" onClick=${() => api.signOutElsewhere().then(() => desk.tell(w().signedOutElsewhere), () => desk.tell(w().didNotWork, { bad: true }))}>${w().signOutElsewhere}</button>
  </section>`;
}

function Canned({ state }) {
  const [loaded, error, again] = useLoaded(api.canned, []);
  const [edited, edit] = useState(null);
  if (error && !loaded) return html`<${Failed} again=${again} />`;
  if (!loaded) return html`<${Loading} />`;
  const items = loaded.items ?? loaded;
  const remove = (reply) => api.removeCanned(reply.id).then(again, (problem) => desk.tell(problem.message || w().didNotWork, { bad: true }));
  return html`<section>
    <p><button type="button" class="primary" onClick=${() => edit({})}><${Icon} name="plus" />${w().addCanned}</button> <span class="faint">${w().placeholders}</span></p>
    ${items.length ? html`<table><thead><tr><th>${w().shortcut}</th><th>${w().textZh}</th><th>${w().textEn}</th><th>${w().forDepartment}</th><th></th></tr></thead><tbody>
      ${items.map((reply) => html`<tr key=${reply.id}><td><code>/${reply.shortcut}</code></td><td>${reply.text_zh}</td><td>${reply.text_en}</td><td>${reply.mine ? w().onlyMe : reply.department || w().everyone}</td>
        <td class="row-actions"><button type="button" onClick=${() => edit(reply)}>${w().edit}</button><button type="button" onClick=${() => remove(reply)}>${w().remove}</button></td></tr>`)}
    </tbody></table>` : html`<${Empty} icon="note" title=${w().noCanned} />`}
    ${edited && html`<${CannedDialog} reply=${edited} state=${state} onClose=${() => edit(null)} onSaved=${() => (edit(null), again())} />`}
  </section>`;
}

function CannedDialog({ reply, state, onClose, onSaved }) {
  const [error, setError] = useState('');
  const save = async (event) => {
    event.preventDefault();
    const form = Object.fromEntries(new FormData(event.target));
    const wanted = { shortcut: form.shortcut.trim().replace(/^\//, ''), text_zh: form.text_zh.trim(), text_en: form.text_en.trim(), department: form.department === '-' ? '' : form.department ?? '', mine: form.department === '-' };
    try {
      await (reply.id ? api.changeCanned(reply.id, wanted) : api.addCanned(wanted));
      onSaved();
    } catch (problem) {
      setError(problem.message || w().didNotWork);
    }
  };
  const shared = state.me.role !== 'agent';
  return html`<${Dialog} title=${reply.id ? w().edit : w().addCanned} onClose=${onClose}><form onSubmit=${save}>
    <${Field} label=${w().shortcut} error=${error}><input name="shortcut" required maxlength="40" pattern="\\S+" defaultValue=${reply.shortcut ?? ''} /><//>
    <${Field} label=${w().textZh}><textarea name="text_zh" rows="3" maxlength="4000" defaultValue=${reply.text_zh ?? ''}></textarea><//>
    <${Field} label=${w().textEn} hint=${w().placeholders}><textarea name="text_en" rows="3" maxlength="4000" defaultValue=${reply.text_en ?? ''}></textarea><//>
    <${Field} label=${w().forDepartment}><select name="department" value=${reply.mine || !shared ? '-' : reply.department ?? ''}>
      <option value="-">${w().onlyMe}</option>
      ${shared && html`<option value="">${w().everyone}</option>`}
      ${shared && state.departments.map((each) => html`<option key=${each.id} value=${each.id}>${language() === 'zh' ? each.name_zh : each.name_en}</option>`)}
    </select><//>
    <footer><button type="button" onClick=${onClose}>${w().cancel}</button><button class="primary">${w().save}</button></footer>
  </form><//>`;
}

function Audit() {
  const [offset, setOffset] = useState(0);
  const [loaded, error, again] = useLoaded(() => api.audit({ limit: 50, offset }), [offset]);
  if (error && !loaded) return html`<${Failed} again=${again} />`;
  if (!loaded) return html`<${Loading} />`;
  if (!loaded.items.length) return html`<${Empty} icon="note" title=${w().noAudit} />`;
  return html`<section><table><thead><tr><th>${w().when}</th><th>${w().who}</th><th>${w().what}</th><th>${w().details}</th></tr></thead><tbody>
    ${loaded.items.map((each) => html`<tr key=${each.id ?? `${each.at}${each.action}`}><td>${clock(each.at)}</td><td>${desk.nameOf(each.actor)}</td><td>${each.action}</td><td class="faint">${each.detail ?? each.subject ?? ''}</td></tr>`)}
  </tbody></table>
  <p>${offset > 0 && html`<button type="button" onClick=${() => setOffset(Math.max(0, offset - 50))}>←</button>`} ${offset + 50 < loaded.total && html`<button type="button" onClick=${() => setOffset(offset + 50)}>→</button>`}</p></section>`;
}
