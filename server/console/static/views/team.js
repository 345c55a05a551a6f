/** Who answers: for administrators. */

import { html, useState } from '../vendor/htm-preact.js';
import { api } from '../api.js';
import { desk } from '../desk.js';
import { Avatar, Dialog, Failed, Field, Icon, Loading, Pill, useLoaded } from '../ui.js';
import { language, w } from '../words.js';

const ROLES = ['agent', 'supervisor', 'admin'];

export function Team({ state }) {
  const [loaded, error, again] = useLoaded(api.agents, []);
  const [edited, edit] = useState(null);
  if (error && !loaded) return html`<${Failed} again=${again} />`;
  if (!loaded) return html`<${Loading} />`;
  const agents = loaded.items ?? loaded;
  const disable = (agent) => api.changeAgent(agent.id, { disabled: !agent.disabled }).then(again, (problem) => desk.tell(problem.message || w().didNotWork, { bad: true }));
  return html`<section>
    <p><button type="button" class="primary" onClick=${() => edit({})}><${Icon} name="plus" />${w().addAgent}</button></p>
    <table><thead><tr><th>${w().displayName}</th><th>${w().login}</th><th>${w().role}</th><th>${w().departments}</th><th>${w().capacity}</th><th></th></tr></thead><tbody>
      ${agents.map((agent) => html`<tr key=${agent.id} class=${agent.disabled ? 'off' : ''}>
        <td><span class="person"><${Avatar} id=${agent.id} name=${agent.name} />${agent.name}${agent.disabled && html` <${Pill}>${w().disabled}<//>`}</span></td>
        <td>${agent.login}</td><td>${w().roles[agent.role]}</td><td>${(agent.departments ?? []).map((id) => nameOf(id, state)).join('、')}</td><td>${agent.capacity}</td>
        <td class="row-actions"><button type="button" onClick=${() => edit(agent)}>${w().edit}</button>${agent.id !== state.me.id && html`<button type="button" onClick=${() => disable(agent)}>${agent.disabled ? w().enable : w().disable}</button>`}</td>
      </tr>`)}
    </tbody></table>
    ${edited && html`<${AgentDialog} agent=${edited} state=${state} onClose=${() => edit(null)} onSaved=${again} />`}
  </section>`;
}

function nameOf(id, state) {
  const found = state.departments.find((each) => each.id === id);
  return (language() === 'zh' ? found?.name_zh : found?.name_en) || id;
}

function AgentDialog({ agent, state, onClose, onSaved }) {
  const [error, setError] = useState('');
  const [password, setPassword] = useState('');
  const save = async (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    const wanted = { name: form.get('name').trim(), role: form.get('role'), capacity: Number(form.get('capacity')), departments: form.getAll('departments'), languages: form.getAll('languages') };
    try {
      const saved = await (agent.id ? api.changeAgent(agent.id, wanted) : api.addAgent({ ...wanted, login: form.get('login').trim() }));
      onSaved();
      if (saved.password) setPassword(saved.password);
      else onClose();
    } catch (problem) {
      setError(problem.message || w().didNotWork);
    }
  };
  if (password) {
    return html`<${Dialog} title=${w().initialPassword} onClose=${onClose}><p>${w().shownOnce}</p><p class="secret"><code>${password}</code></p><footer><button type="button" class="primary" onClick=${onClose}>${w().confirm}</button></footer><//>`;
  }
  const departments = agent.departments ?? ['general'];
  return html`<${Dialog} title=${agent.id ? agent.name : w().addAgent} onClose=${onClose}><form onSubmit=${save}>
    ${!agent.id && html`<${Field} label=${w().login}><input name="login" required maxlength="100" autocapitalize="none" /><//>`}
    <${Field} label=${w().displayName} error=${error}><input name="name" required maxlength="80" defaultValue=${agent.name ?? ''} /><//>
    <${Field} label=${w().role}><select name="role" value=${agent.role ?? 'agent'}>${ROLES.map((role) => html`<option key=${role} value=${role}>${w().roles[role]}</option>`)}</select><//>
    <${Field} label=${w().capacity}><input name="capacity" type="number" min="1" max="50" required defaultValue=${agent.capacity ?? 4} /><//>
    <fieldset class="choices inline"><legend>${w().departments}</legend>${state.departments.map((each) => html`<label key=${each.id}><input type="checkbox" name="departments" value=${each.id} defaultChecked=${departments.includes(each.id)} /><span>${nameOf(each.id, state)}</span></label>`)}</fieldset>
    <fieldset class="choices inline"><legend>${w().languageOf}</legend>${[['zh', '中文'], ['en', 'English']].map(([code, name]) => html`<label key=${code}><input type="checkbox" name="languages" value=${code} defaultChecked=${(agent.languages ?? ['zh', 'en']).includes(code)} /><span>${name}</span></label>`)}</fieldset>
    <footer><button type="button" onClick=${onClose}>${w().cancel}</button><button class="primary">${w().save}</button></footer>
  </form><//>`;
}
