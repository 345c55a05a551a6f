/** All that was ever said, found by words in Chinese and English. */

import { html, useEffect, useRef, useState } from '../vendor/htm-preact.js';
import { api } from '../api.js';
import { nameOfAuthor, nameOfVisitor, desk } from '../desk.js';
import { Empty, Failed, Icon, Loading } from '../ui.js';
import { clock, w } from '../words.js';

const LEAST_CHARS = 2;

export function Search({ state, onOpen }) {
  const [query, setQuery] = useState('');
  const [found, setFound] = useState(null);
  const [failed, setFailed] = useState(false);
  const [turn, next] = useState(0);
  const asked = useRef(0);
  const field = useRef();
  useEffect(() => field.current.focus(), []);
  useEffect(() => {
    const wanted = query.trim();
    const mine = ++asked.current;
    setFailed(false);
    if ([...wanted].length < LEAST_CHARS) return setFound(null);
    const timer = setTimeout(() => {
      api.search(wanted, { limit: 50 }).then(
        (answer) => mine === asked.current && setFound({ ...answer, query: wanted }),
        () => mine === asked.current && setFailed(true),
      );
    }, 200);
    return () => clearTimeout(timer);
  }, [query, turn, state.erased]);
  return html`<main class="page search">
    <h1>${w().search}</h1>
    <label class="filter large"><${Icon} name="search" /><input ref=${field} type="search" value=${query} placeholder=${w().searchPlaceholder} aria-label=${w().searchPlaceholder} onInput=${(event) => setQuery(event.target.value)} /></label>
    ${failed ? html`<${Failed} again=${() => next(turn + 1)} />` : html`<${Results} query=${query} found=${found} onOpen=${onOpen} />`}
  </main>`;
}

function Results({ query, found, onOpen }) {
  if ([...query.trim()].length < LEAST_CHARS) return html`<${Empty} icon="search" title=${w().searchHint} />`;
  if (!found) return html`<${Loading} />`;
  if (!found.items.length) return html`<${Empty} icon="search" title=${w().nothingFound(found.query)} />`;
  return html`<p class="faint" role="status">${w().found(found.total)}</p>
    <ul class="results">${found.items.map((hit) => html`<li key=${`${hit.conversation}-${hit.seq}-${hit.author}`}>
      <button type="button" onClick=${() => onOpen(hit.conversation)}>
        <span class="row-top"><strong>${nameOfVisitor({ visitor: hit.visitor })}</strong><small>${nameOfAuthor(hit.author, desk.state)}</small><time>${clock(hit.at)}</time></span>
        <span><${Snippet} text=${hit.snippet} marks=${hit.marks ?? []} /></span>
      </button></li>`)}</ul>`;
}

function Snippet({ text, marks }) {
  const parts = [];
  let at = 0;
  for (const [from, to] of marks) {
    parts.push(text.slice(at, from), html`<mark>${text.slice(from, to)}</mark>`);
    at = to;
  }
  return html`${parts}${text.slice(at)}`;
}
