/** What the assistant would answer, for the agent alone: to be taken with one key, changed, or left. */

import { html, useEffect, useState } from '../vendor/htm-preact.js';
import { api } from '../api.js';
import { askedLast } from '../state.js';
import { Icon, IconButton } from '../ui.js';
import { w } from '../words.js';
import { Text } from './timeline.js';

const PAUSE_MS = 300; // visitors write in pieces
const TRIES = 3; // where visitors need the models first

/** What is proposed for a conversation's last question while it is wanted: [proposal or null, put it away]. */
export function useProposal(row, thread, wanted) {
  const [proposal, propose] = useState(null);
  const [away, putAway] = useState(0);
  const asked = wanted ? askedLast(thread?.events ?? []) : 0;
  useEffect(() => {
    propose(null);
    if (!asked) return undefined;
    let timer = 0;
    let tries = TRIES;
    const ask = () => api.proposal(row.conversation).then(
      (answer) => timer && propose(answer.text ? answer : null),
      (problem) => {
        if (timer && problem.retryAfter && --tries) timer = setTimeout(ask, problem.retryAfter * 1000);
      },
    );
    timer = setTimeout(ask, PAUSE_MS);
    return () => {
      clearTimeout(timer);
      timer = 0;
    };
  }, [row.conversation, asked]);
  return [proposal?.about === asked && asked !== away ? proposal : null, () => putAway(asked)];
}

export function Proposal({ proposal, byKey, onTake, onPutAway }) {
  const { question, score, source, text } = proposal;
  return html`<aside class="proposal" aria-label=${w().proposal}>
    <header><${Icon} name="bot" /><strong>${w().proposal}</strong><b title=${w().confidence}>${Math.round(score * 100)}%</b><span title=${source}>${w().sources} ${question}</span>
      <${IconButton} name="cross" label=${w().putAway} onClick=${onPutAway} /></header>
    <div class="proposal-body"><${Text} text=${text} rich /><button type="button" onClick=${onTake}>${w().insert}${byKey && html`<kbd>Tab</kbd>`}</button></div>
  </aside>`;
}
