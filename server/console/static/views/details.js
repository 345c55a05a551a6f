/** What an agent wants to know before the first word: a brief, the visitor, what the knowledge base says, what was before. */

import { html, useEffect, useRef, useState } from '../vendor/htm-preact.js';
import { api } from '../api.js';
import { nameOfVisitor } from '../desk.js';
import { Failed, Icon, Loading, Pill, useLoaded } from '../ui.js';
import { clock, w } from '../words.js';
import { Text } from './timeline.js';

const SUGGESTED = 3;

export function Details({ state, row }) {
  const [known, error, again] = useLoaded(() => api.case(row.conversation), [row.conversation, row.epoch]);
  return html`<aside class="details" aria-label=${w().details}>
    ${known && html`<${Brief} brief=${known.brief} row=${row} />`}
    <${Suggestions} state=${state} row=${row} />
    ${error && !known ? html`<${Failed} again=${again} />` : !known ? html`<${Loading} lines=${6} />` : html`
      <${Visitor} visitor=${known.visitor} row=${row} />
      <${Episodes} episodes=${known.episodes} />`}
  </aside>`;
}

function Brief({ brief, row }) {
  const moods = brief?.sentiment ?? [];
  const reason = brief?.reason || row.reason;
  return html`<section><h3>${w().brief}</h3>
    <dl>
      ${reason && html`<div><dt>${w().why}</dt><dd><${Pill} kind="warn">${w().reasons[reason] ?? reason}<//></dd></div>`}
      ${brief?.question && html`<div><dt>${w().question}</dt><dd>${brief.question}</dd></div>`}
      ${moods.length > 0 && html`<div><dt>${w().mood}</dt><dd class="moods">${moods.slice(-12).map((mood, at) => html`<i key=${at} class=${`mood ${mood}`} title=${w().moods[mood] ?? mood}></i>`)}<span>${w().moods[moods.at(-1)] ?? ''}</span></dd></div>`}
    </dl>
    <h4>${w().tried}</h4>
    ${brief?.tried?.length
      ? html`<ol class="tried">${brief.tried.map((each, at) => html`<li key=${at}><span>${each.title || each.question}</span><b>${typeof each.score === 'number' ? each.score.toFixed(2) : '—'}</b></li>`)}</ol>`
      : html`<p class="faint">${w().nothingTried}</p>`}
  </section>`;
}

function Visitor({ visitor, row }) {
  const facts = [
    [w().email, visitor?.email], [w().languageOf, visitor?.language || row.language], [w().page, visitor?.page || row.page],
    [w().device, visitor?.device], [w().firstSeen, visitor?.first_seen && clock(visitor.first_seen)], [w().visits, visitor?.conversations],
  ].filter(([, value]) => value);
  return html`<section><h3>${w().about}</h3>
    <p class="visitor-name">${nameOfVisitor(row)} <${Pill} kind=${row.visitor.verified ? 'good' : ''}>${row.visitor.verified ? w().verified : w().unverified}<//></p>
    <dl>${facts.map(([label, value]) => html`<div key=${label}><dt>${label}</dt><dd>${value}</dd></div>`)}</dl>
  </section>`;
}

function Episodes({ episodes = [] }) {
  const earlier = episodes.filter((each) => each.closed_at);
  return html`<section><h3>${w().episodes}</h3>
    ${earlier.length ? html`<ul class="episodes">${earlier.map((each) => html`<li key=${each.number}><time>${clock(each.opened_at)}</time> ${w().resolutions[each.resolution] ?? each.resolution ?? ''} ${each.rating ? html`<${Pill}>${w().rated(each.rating)}<//>` : ''} ${(each.tags ?? []).map((tag) => html`<${Pill} key=${tag} kind="tag">${tag}<//>`)}</li>`)}</ul>` : html`<p class="faint">${w().noEpisodes}</p>`}
  </section>`;
}

/** Answers of the knowledge base to what the visitor asked last, or to what the agent is typing. */
function Suggestions({ state, row }) {
  const [found, setFound] = useState([]);
  const [draft, setDraft] = useState('');
  const asked = useRef(0);
  const thread = state.threads.get(row.conversation);
  const last = (thread?.events ?? []).filter((event) => event.author === 'visitor' && event.text).at(-1)?.text ?? '';
  const query = draft.trim().length > 3 ? draft.trim() : last;
  useEffect(() => {
    const took = (event) => setDraft(event.detail);
    addEventListener('kefu:draft', took);
    return () => removeEventListener('kefu:draft', took);
  }, []);
  useEffect(() => {
    if (!query || row.state === 'closed') return setFound([]);
    const turn = ++asked.current;
    api.suggest(row.conversation, query.slice(0, 300)).then((answer) => turn === asked.current && setFound(answer.items ?? []), () => undefined);
    return undefined;
  }, [query, row.conversation]);
  useEffect(() => {
    const pressed = (event) => {
      const at = event.altKey && /^Digit[1-9]$/.test(event.code) ? Number(event.code.slice(5)) - 1 : -1;
      if (at < 0 || at >= SUGGESTED || !found[at]) return;
      event.preventDefault();
      insert(found[at].answer);
    };
    addEventListener('keydown', pressed);
    return () => removeEventListener('keydown', pressed);
  }, [found]);
  return html`<section class="suggestions"><h3>${w().suggestions}</h3>
    ${found.length === 0 && html`<p class="faint">${query ? w().noSuggestion : w().suggestHint}</p>`}
    ${found.slice(0, SUGGESTED).map((each, at) => html`<article key=${each.entry_id}>
      <header><strong>${each.question}</strong><b title=${w().confidence}>${Math.round(each.score * 100)}%</b></header>
      <${Text} text=${each.answer} rich />
      <button type="button" onClick=${() => insert(each.answer)}><${Icon} name="plus" />${w().insert}<kbd>Alt ${at + 1}</kbd></button>
    </article>`)}
  </section>`;
}

const insert = (text) => dispatchEvent(new CustomEvent('kefu:insert', { detail: text }));
