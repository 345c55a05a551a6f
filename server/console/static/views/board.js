/** What a supervisor watches: who waits, how long, who is loaded, what was missed. */

import { html, useEffect } from '../vendor/htm-preact.js';
import { api } from '../api.js';
import { desk, nameOfVisitor } from '../desk.js';
import { queued, rows } from '../state.js';
import { Avatar, Empty, Failed, Loading, Pill, useLoaded, useNow } from '../ui.js';
import { span, w } from '../words.js';

const EVERY_MS = 5_000;

export function Board({ state, onOpen }) {
  const [board, error, again] = useLoaded(api.board, []);
  const now = useNow();
  useEffect(() => {
    const timer = setInterval(again, EVERY_MS);
    return () => clearInterval(timer);
  }, []);
  const queue = rows(state, 'queue').filter(queued);
  const longest = queue.length ? now - Math.min(...queue.map((row) => row.enqueued_at)) : 0;
  const figures = [
    [w().boardWaiting, queue.length, queue.length > 0], [w().boardLongest, queue.length ? span(longest) : '—', longest > 120_000],
    [w().boardActive, board?.active ?? '—'], [w().boardBot, board?.bot ?? '—'], [w().boardMissed, board?.missed ?? '—', board?.missed > 0],
  ];
  return html`<main class="page board">
    <h1>${w().board}</h1>
    <div class="figures">${figures.map(([label, value, warns]) => html`<div key=${label} class=${warns ? 'figure warn' : 'figure'}><b>${value}</b><span>${label}</span></div>`)}</div>
    ${error && !board && html`<${Failed} again=${again} />`}
    <section><h2>${w().boardQueue}</h2>
      ${queue.length ? html`<table><thead><tr><th>${w().visitor}</th><th>${w().why}</th><th>${w().department}</th><th>${w().boardLongest}</th><th></th></tr></thead><tbody>
        ${queue.map((row, at) => html`<tr key=${row.conversation}><td>${w().position(at + 1)} ${nameOfVisitor(row)}</td><td>${w().reasons[row.reason] ?? row.reason}</td><td>${row.department}</td><td class=${now - row.enqueued_at > 120_000 ? 'warn' : ''}>${span(now - row.enqueued_at)}</td><td><button type="button" onClick=${() => onOpen(row.conversation)}>${w().open}</button></td></tr>`)}
      </tbody></table>` : html`<${Empty} icon="check" title=${w().nobodyWaits} />`}
    </section>
    <section><h2>${w().boardAgents}</h2><${Agents} state=${state} /></section>
    ${!board && !error && html`<${Loading} />`}
  </main>`;
}

function Agents({ state }) {
  const agents = [...state.agents.values()].filter((each) => !each.disabled).sort((a, b) => order(a) - order(b) || a.name.localeCompare(b.name));
  if (!agents.length) return html`<${Empty} title=${w().noAgents} />`;
  return html`<table><thead><tr><th>${w().agent}</th><th>${w().status}</th><th>${w().capacity}</th><th>${w().setPresence}</th></tr></thead><tbody>
    ${agents.map((each) => html`<tr key=${each.id}>
      <td><span class="person"><${Avatar} id=${each.id} name=${each.name} presence=${each.presence} />${each.name}</span></td>
      <td><${Pill} kind=${`presence-${each.presence ?? 'offline'}`}>${w()[each.presence ?? 'offline']}<//></td>
      <td><span class="load"><meter min="0" max=${Math.max(each.capacity ?? 1, 1)} high=${(each.capacity ?? 1) - 0.5} value=${each.load ?? 0} aria-label=${w().load(each.load ?? 0, each.capacity ?? 0)}></meter>${each.load ?? 0} / ${each.capacity ?? 0}</span></td>
      <td><select aria-label=${`${w().setPresence}: ${each.name}`} value=${each.presence} onChange=${(event) => desk.presence(event.target.value, each.id)}>${['available', 'busy', 'away'].map((one) => html`<option key=${one} value=${one}>${w()[one]}</option>`)}<option value="offline" disabled>${w().offline}</option></select></td>
    </tr>`)}
  </tbody></table>`;
}

const RANK = { available: 0, busy: 1, away: 2, grace: 3 };
const order = (agent) => RANK[agent.presence] ?? 4;
