/** Departments and their hours: for administrators. */

import { html, useState } from '../vendor/htm-preact.js';
import { api } from '../api.js';
import { Dialog, Failed, Field, Icon, Loading, Pill, useLoaded } from '../ui.js';
import { language, w } from '../words.js';

export function Departments({ state }) {
  const [loaded, error, again] = useLoaded(api.departments, []);
  const [edited, edit] = useState(null);
  if (error && !loaded) return html`<${Failed} again=${again} />`;
  if (!loaded) return html`<${Loading} />`;
  const items = loaded.items ?? loaded;
  return html`<section>
    <p><button type="button" class="primary" onClick=${() => edit({ hours: [] })}><${Icon} name="plus" />${w().addDepartment}</button></p>
    <table><thead><tr><th>${w().department}</th><th>${w().timezone}</th><th>${w().hoursPage}</th><th>${w().fallback}</th><th></th></tr></thead><tbody>
      ${items.map((each) => html`<tr key=${each.id}><td>${nameOf(each)} ${each.enabled === false && html`<${Pill}>${w().disabled}<//>`}</td><td>${each.timezone}</td><td>${summary(each.hours)}</td><td>${nameOf(items.find((other) => other.id === each.fallback)) || w().none}</td>
        <td class="row-actions"><button type="button" onClick=${() => edit(each)}>${w().edit}</button></td></tr>`)}
    </tbody></table>
    ${edited && html`<${DepartmentDialog} department=${edited} others=${items.filter((each) => each.id !== edited.id)} onClose=${() => edit(null)} onSaved=${() => (edit(null), again())} />`}
  </section>`;
}

const nameOf = (department) => (department ? (language() === 'zh' ? department.name_zh : department.name_en) : '');
const spans = (day = []) => day.map(([from, to]) => `${time(from)}-${time(to)}`).join(', ');
const time = (minutes) => `${String(Math.floor(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`;

function summary(hours = []) {
  if (!hours.length) return '24/7';
  return hours.map((day, at) => day.length && `${w().weekdays[at]} ${spans(day)}`).filter(Boolean).slice(0, 2).join(' · ') + (hours.filter((day) => day.length).length > 2 ? ' …' : '');
}

/** Hours as they were typed: pairs of minutes since midnight, or null where they cannot be read. */
export function readHours(text) {
  const parts = text.split(/[,，;；]/).map((part) => part.trim()).filter(Boolean);
  const found = parts.map((part) => part.match(/^(\d{1,2})[:：](\d{2})\s*[-–—~至]\s*(\d{1,2})[:：](\d{2})$/));
  if (found.some((each) => !each)) return null;
  const day = found.map(([, h1, m1, h2, m2]) => [Number(h1) * 60 + Number(m1), Number(h2) * 60 + Number(m2)]);
  const fits = day.every(([from, to], at) => from < to && to <= 1440 && (at === 0 || day[at - 1][1] <= from));
  return fits ? day : null;
}

function DepartmentDialog({ department, others, onClose, onSaved }) {
  const [error, setError] = useState('');
  const save = async (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    const days = w().weekdays.map((_, at) => readHours(form.get(`day${at}`)));
    if (days.includes(null)) return setError(w().badHours);
    const always = days.every((day) => day.length === 0);
    const wanted = {
      name_zh: form.get('name_zh').trim(), name_en: form.get('name_en').trim(), timezone: form.get('timezone').trim(),
      fallback: form.get('fallback'), enabled: form.get('enabled') === 'on', hours: always ? [] : days,
      holidays: form.get('holidays').split(/\s+/).filter(Boolean), timers: department.timers ?? {},
    };
    try {
      await (department.id ? api.changeDepartment(department.id, wanted) : api.addDepartment(wanted));
      return onSaved();
    } catch (problem) {
      return setError(problem.message || w().didNotWork);
    }
  };
  const zones = typeof Intl.supportedValuesOf === 'function' ? Intl.supportedValuesOf('timeZone') : [];
  return html`<${Dialog} title=${department.id ? nameOf(department) : w().addDepartment} onClose=${onClose}><form onSubmit=${save}>
    <div class="two"><${Field} label=${w().nameZh}><input name="name_zh" required maxlength="60" defaultValue=${department.name_zh ?? ''} /><//>
    <${Field} label=${w().nameEn}><input name="name_en" required maxlength="60" defaultValue=${department.name_en ?? ''} /><//></div>
    <div class="two"><${Field} label=${w().timezone}><input name="timezone" list="zones" required defaultValue=${department.timezone ?? Intl.DateTimeFormat().resolvedOptions().timeZone} /><datalist id="zones">${zones.map((zone) => html`<option key=${zone} value=${zone} />`)}</datalist><//>
    <${Field} label=${w().fallback}><select name="fallback" value=${department.fallback ?? ''}><option value="">${w().none}</option>${others.map((each) => html`<option key=${each.id} value=${each.id}>${nameOf(each)}</option>`)}</select><//></div>
    <fieldset class="days"><legend>${w().hoursPage}</legend><small>${w().hoursHint}</small>
      ${w().weekdays.map((day, at) => html`<label key=${day}><span>${day}</span><input name=${`day${at}`} placeholder=${w().closedDay} defaultValue=${spans(department.hours?.[at])} /></label>`)}
    </fieldset>
    <${Field} label=${w().holidays} hint=${w().holidaysHint} error=${error}><textarea name="holidays" rows="3" defaultValue=${(department.holidays ?? []).join('\n')}></textarea><//>
    <label class="switch"><input type="checkbox" name="enabled" defaultChecked=${department.enabled !== false} /><span>${w().enable}</span></label>
    <footer><button type="button" onClick=${onClose}>${w().cancel}</button><button class="primary">${w().save}</button></footer>
  </form><//>`;
}
