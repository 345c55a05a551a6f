/** The way to a person and back, as the visitor sees it: what the system tells, its buttons, a form, and five stars. */

import { h, icon } from './dom.js';

const QUEUE = new Set([
  'queued', 'position', 'still_waiting', 'all_busy', 'kept_waiting', 'asking_bot', 'finding_other', 'lost_agent',
  'passed_on', 'reconnecting', 'team_back',
]);
const PERSON = new Set(['joined', 'took_over', 'still_with', 'transferring', 'hold', 'nudge']);
const NEUTRAL = new Set(['offer', 'offer_upset', 'offer_declined', 'bot_failed']); // they move nobody
const PASSING = new Set(['position', 'still_waiting']); // a newer line makes them void
const FORM = new Set(['leave_message', 'offline', 'offline_now']);
const SILENT = new Set(['feedback', 'rate', 'end', 'cancel', 'answer_offer', 'wait']); // shown where they were pressed
const STARS = 5;
const MAX_COMMENT = 1_000;

/**
 * Tell who has the conversation, from what the visitor was told.
 *
 * @returns {{who: 'bot'|'queue'|'person', name: string, asksBot: boolean, ended: boolean}}
 */
export function standing(events) {
  let now = { who: 'bot', name: '', asksBot: false, ended: false };
  for (const { kind, status, values = {} } of events) {
    if (kind !== 'status' || NEUTRAL.has(status)) continue;
    if (QUEUE.has(status)) now = { who: 'queue', name: '', asksBot: status === 'asking_bot' || (now.asksBot && PASSING.has(status)), ended: false };
    else if (PERSON.has(status)) now = { who: 'person', name: named(status, values) || now.name, asksBot: false, ended: false };
    else now = { who: 'bot', name: '', asksBot: false, ended: status === 'closed' || status === 'closed_idle' };
  }
  return now;
}

const named = (status, { name = '', agent = '' }) => (status === 'transferring' ? agent : name);

/** Whether an event is a line of its own. */
export function hasLine(event, next) {
  if (event.kind === 'replied') return Boolean(event.text || event.choices?.length || event.erased); // else the system words it
  if (event.kind === 'acted') return !SILENT.has(event.action) && (event.action !== 'leave_message' || event.text);
  return event.kind !== 'status' || !(PASSING.has(event.status) && next?.kind === 'status' && QUEUE.has(next.status));
}

/** What of an event's buttons was pressed, and whether they still can be. */
export function buttons(event, later) {
  const pressed = later.find((each) => each.kind !== 'status' && event.choices.some((choice) => fits(choice, each)));
  const passed = later.some((each) => each.kind === 'status' && !NEUTRAL.has(each.status) && !PASSING.has(each.status));
  return { taken: pressed ? pressed.value || pressed.action : '', open: !pressed && !passed };
}

const fits = (choice, act) => act.action === choice.action && (!act.value || act.value === choice.value);

/** Make the line of something that the system tells. */
export class Told {
  #client;
  #words;

  constructor(client, words) {
    this.#client = client;
    this.#words = words;
  }

  line(event, { taken, open }) {
    const parts = [h('p', { class: 'told-text' }, event.text)];
    const asks = FORM.has(event.status) && open; // the form stands where its button would
    const offers = !asks && event.choices?.length && (open || taken); // what was never pressed and no longer counts is gone
    if (offers && event.choices[0].action === 'rate') parts.push(this.#stars(event, { taken, open }));
    else if (offers) parts.push(this.#choices(event, { taken, open }));
    if (asks) parts.push(this.#form(event));
    return h('div', { class: 'told' }, ...parts);
  }

  #choices(event, { taken, open }) {
    const made = event.choices.map((choice) => {
      const chosen = taken === choice.value || taken === choice.action;
      const onclick = () => this.#client.press(choice, event.id);
      return h('button', { class: chosen ? 'choice taken' : 'choice', type: 'button', disabled: !open, onclick }, choice.label);
    });
    return h('div', { class: 'choices', role: 'group', 'aria-label': event.text }, ...made);
  }

  #stars(event, { taken, open }) {
    const words = this.#words;
    const given = Number(taken) || 0;
    const made = Array.from({ length: STARS }, (_, at) => {
      const star = at + 1;
      const label = words.stars(star);
      return h(
        'button',
        {
          class: star <= given ? 'star given' : 'star',
          type: 'button',
          disabled: !open,
          title: label,
          'aria-label': label,
          'aria-pressed': String(star === given),
          onclick: () => this.#client.press({ action: 'rate', value: String(star), label: '' }, event.id),
        },
        icon('star'),
      );
    });
    const thanks = given ? h('p', { class: 'thanks' }, words.rated) : undefined;
    return h('div', {}, h('div', { class: 'stars', role: 'group', 'aria-label': words.rateChat }, ...made), thanks);
  }

  #form(event) {
    const words = this.#words;
    const address = h('input', { type: 'email', autocomplete: 'email', maxlength: '254', placeholder: words.email, 'aria-label': words.email });
    const text = h('textarea', { rows: '2', maxlength: String(MAX_COMMENT), placeholder: words.leaveText, 'aria-label': words.leaveText });
    const onsubmit = (submitted) => {
      submitted.preventDefault();
      const [email, message] = [address.value.trim(), text.value.trim()];
      if (!email && !message) return address.focus();
      return this.#client.press({ action: 'leave_message', value: email, text: message, label: [email, message].filter(Boolean).join('\n') }, event.id);
    };
    return h('form', { class: 'leave', onsubmit }, address, text, h('button', { class: 'choice', type: 'submit' }, words.leave));
  }
}
