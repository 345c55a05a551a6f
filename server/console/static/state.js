/**
 * What the console knows, and how each thing that happens changes it. Pure: a state in, a state out; no DOM, no network.
 *
 * Conversations are rows (`cases`), and those that were opened have a thread: events of both audiences in one order,
 * what is being typed, and what was written here and is not acknowledged yet.
 */

export const BOXES = ['mine', 'queue', 'department', 'all', 'closed'];
const MAX_TOASTS = 4;
const TYPING_MS = 7_000;

/** The state before anything is known. */
export function blank() {
  return {
    me: null,
    departments: [],
    agents: new Map(), // id -> {id, name, presence, load, capacity}
    link: 'connecting', // or 'online', 'offline'
    cases: new Map(), // conversation -> row
    threads: new Map(), // conversation -> thread
    rings: new Map(), // conversation -> when it ends, in ms
    selected: '',
    box: 'mine',
    lists: new Map(), // box -> {ids, total, loading, error}
    erased: new Map(), // conversation -> how often what was said was erased
    toasts: [],
  };
}

/** A thread that nothing is known of yet. */
export function thread() {
  return { events: [], lastSeq: 0, lastInternal: 0, more: true, loading: true, typing: new Map(), chunk: '', pending: [], draft: '' };
}

/** Where an event stands: public ones by their number, internal ones behind the public one that they followed. */
export function compare(a, b) {
  const [aAt, bAt] = [place(a), place(b)];
  if (aAt !== bAt) return aAt - bAt;
  if (internal(a) !== internal(b)) return internal(a) ? 1 : -1;
  return a.seq - b.seq;
}

const internal = (event) => event.audience === 'internal';
const place = (event) => (internal(event) ? event.after ?? 0 : event.seq);

/** Add events to a list, each once, in their order. */
export function merged(events, more) {
  if (!more.length) return events;
  const known = new Set(events.map((event) => event.id));
  const fresh = more.filter((event) => !known.has(event.id));
  if (!fresh.length) return events;
  return [...events, ...fresh].sort(compare);
}

/** Whether a row is newer than the one that is shown. */
export function newer(row, shown) {
  if (!shown) return true;
  if (row.epoch !== shown.epoch) return row.epoch > shown.epoch;
  return row.seq >= shown.seq;
}

// -- what happens

/** Somebody signed in. */
export function signedIn(state, { agent, departments = [], agents = [] }) {
  return { ...state, me: agent, departments, agents: new Map(agents.map((each) => [each.id, each])) };
}

/** The socket is open, and this is how things stand. */
export function welcomed(state, frame) {
  let next = { ...state, link: 'online' };
  if (frame.presence && next.me) next = agentChanged(next, { ...next.agents.get(next.me.id), ...next.me, presence: frame.presence });
  for (const each of frame.agents ?? []) next = agentChanged(next, each);
  next = casesChanged(next, frame.cases ?? []);
  for (const row of frame.cases ?? []) {
    if (row.asks_until && asks(row, next.me)) next = rang(next, { conversation: row.conversation, until: row.asks_until });
  }
  for (const each of frame.following ?? []) next = followed(next, each);
  return next;
}

/** The link is down or coming up. */
export const linked = (state, link) => (state.link === link ? state : { ...state, link });

/** A conversation changed: the newer row wins, whichever way it came. */
export const caseChanged = (state, row) => casesChanged(state, [row]);

/** Many did. */
export function casesChanged(state, changed) {
  const fresh = changed.filter((row) => newer(row, state.cases.get(row.conversation)));
  if (!fresh.length) return state;
  const cases = new Map(state.cases);
  const rings = new Map(state.rings);
  for (const row of fresh) {
    cases.set(row.conversation, row);
    if (!asks(row, state.me)) rings.delete(row.conversation);
  }
  return { ...state, rings, cases };
}

/** What was said in a conversation was erased: nothing of it is kept here, not what is being written about it either. */
export function erased(state, conversation) {
  const threads = new Map(state.threads);
  threads.delete(conversation);
  if (state.selected === conversation) threads.set(conversation, thread());
  return { ...state, threads, erased: new Map(state.erased).set(conversation, (state.erased.get(conversation) ?? 0) + 1) };
}

/** A colleague came, went, or took something on. */
export function agentChanged(state, agent) {
  const agents = new Map(state.agents).set(agent.id, { ...state.agents.get(agent.id), ...agent });
  const me = state.me?.id === agent.id ? { ...state.me, ...agent } : state.me;
  return { ...state, agents, me };
}

/** A chat rings for us. */
export function rang(state, frame) {
  const next = frame.case ? caseChanged(state, frame.case) : state;
  return { ...next, rings: new Map(next.rings).set(frame.conversation, frame.until) };
}

/** It does not any more. */
export function silenced(state, conversation) {
  if (!state.rings.has(conversation)) return state;
  const rings = new Map(state.rings);
  rings.delete(conversation);
  return { ...state, rings };
}

/** What we missed of a conversation; everything, if what we hold is void. */
export function followed(state, frame) {
  return withThread(state, frame.conversation, (old) => {
    const before = frame.recovered ? old.events : [];
    const events = merged(before, frame.events ?? []);
    return { ...reached({ ...old, events }, events), loading: false, chunk: '', draft: frame.draft ?? '', more: frame.recovered ? old.more : (events[0]?.seq ?? 1) > 1 };
  });
}

/** An older page of a conversation. */
export function paged(state, conversation, { events, more }) {
  return withThread(state, conversation, (old) => ({ ...old, events: merged(old.events, events), more, loading: false }));
}

/** Something was said or done in a conversation. */
export function happened(state, conversation, event) {
  if (!state.threads.has(conversation)) return state;
  return withThread(state, conversation, (old) => {
    const typing = new Map(old.typing);
    typing.delete(event.author);
    const pending = old.pending.filter((each) => each.id !== event.client_msg_id);
    const events = merged(old.events, [event]);
    const chunk = event.author === 'bot' ? '' : old.chunk;
    return reached({ ...old, events, typing, pending, chunk }, [event]);
  });
}

/** The bot's words as they come. */
export function worded(state, conversation, { text = '', aborted = false }) {
  if (!state.threads.has(conversation)) return state;
  return withThread(state, conversation, (old) => ({ ...old, chunk: aborted ? '' : old.chunk + text }));
}

/** Somebody types, or stopped. */
export function typed(state, conversation, { author, on, text = '' }, now) {
  if (!state.threads.has(conversation)) return state;
  return withThread(state, conversation, (old) => {
    const typing = new Map(old.typing);
    if (on) typing.set(author, { text, until: now + TYPING_MS });
    else typing.delete(author);
    return { ...old, typing };
  });
}

/** Take away typing that was never ended. */
export function rested(state, now) {
  let next = state;
  for (const [conversation, each] of state.threads) {
    if (![...each.typing.values()].some((typing) => typing.until <= now)) continue;
    const typing = new Map([...each.typing].filter(([, value]) => value.until > now));
    next = withThread(next, conversation, (old) => ({ ...old, typing }));
  }
  return next;
}

/** We wrote something; it is shown until its event takes its place. */
export function wrote(state, conversation, item) {
  return withThread(state, conversation, (old) => ({ ...old, pending: [...old.pending, { ...item, failed: '' }] }));
}

/** It was refused, or sent again. */
export function marked(state, conversation, id, failed) {
  return withThread(state, conversation, (old) => ({
    ...old,
    pending: old.pending.map((each) => (each.id === id ? { ...each, failed } : each)),
  }));
}

/** Its writer gave it up. */
export function discarded(state, conversation, id) {
  return withThread(state, conversation, (old) => ({ ...old, pending: old.pending.filter((each) => each.id !== id) }));
}

/** A part of a list was read: the first one replaces what was known of it, others are added to it. */
export function listed(state, box, { items, total }, { more = false } = {}) {
  const next = casesChanged(state, items);
  const list = more ? next.lists.get(box) : undefined;
  const ids = [...new Set([...(list?.ids ?? []), ...items.map((row) => row.conversation)])];
  const read = (list?.read ?? 0) + items.length;
  return withList(next, box, { ids, read, total: items.length ? total : read, loading: false, error: '' });
}

/** In which conversations of a list something was said: those that a search of the server found. */
export function found(state, box, q, { items }) {
  return withList(casesChanged(state, items), box, { found: { q, ids: items.map((row) => row.conversation) } });
}

/** Change what is known of a list. */
export function withList(state, box, change) {
  const list = { ids: [], read: 0, total: 0, loading: false, error: '', ...state.lists.get(box), ...change };
  return { ...state, lists: new Map(state.lists).set(box, list) };
}

/** Tell the agent something for a moment; of a conversation only the newest counts. */
export function told(state, toast) {
  const others = state.toasts.filter((each) => !toast.conversation || each.conversation !== toast.conversation);
  return { ...state, toasts: [...others, toast].slice(-MAX_TOASTS) };
}

/** It was read, or its time is over. */
export const untold = (state, id) => ({ ...state, toasts: state.toasts.filter((toast) => toast.id !== id) });

// -- what is shown

/** The rows of a box, in the order in which they want attention. */
export function rows(state, box) {
  const all = [...state.cases.values()];
  switch (box) {
    case 'mine':
      return all.filter((row) => row.state !== 'closed' && owns(row, state.me)).sort(byAttention);
    case 'queue':
      return [...all.filter(queued).sort(byQueue), ...all.filter(ticket).sort((a, b) => a.since - b.since)];
    default: {
      const list = state.lists.get(box);
      const shown = (list?.ids ?? []).map((id) => state.cases.get(id)).filter(Boolean);
      return box === 'closed' ? shown : shown.filter((row) => row.state !== 'closed');
    }
  }
}

/** The rows of a box that a filter lets through: those that say so here, and those that the server found by their words. */
export function filtered(state, box, q, texts) {
  const all = rows(state, box);
  const wanted = q.trim().toLowerCase();
  if (!wanted) return all;
  const hits = state.lists.get(box)?.found;
  const said = new Set(hits?.q === q.trim() ? hits.ids : []);
  const here = all.filter((row) => said.has(row.conversation) || texts(row).some((text) => String(text ?? '').toLowerCase().includes(wanted)));
  for (const row of here) said.delete(row.conversation);
  return [...here, ...[...said].map((id) => state.cases.get(id)).filter(Boolean)];
}

/** Whether somebody waits for an agent now. */
export const queued = (row) => row.state === 'queued' || row.state === 'ringing';

/** Whether somebody is to be answered later, because nobody was there. */
export const ticket = (row) => row.state === 'offline_form';

/** Whether a row is an agent's to answer. */
export const owns = (row, agent) => row.owner === `agent:${agent?.id}` || asks(row, agent);

/** Whether an agent is asked to take a conversation: it rings, or a colleague would hand it over. */
export function asks(row, agent) {
  if (row.state === 'ringing') return row.offered_to === agent?.id || row.offered_to === '';
  if (row.state !== 'transferring' || !agent || row.owner === `agent:${agent.id}`) return false;
  return [`agent:${agent.id}`, ...(agent.departments ?? []).map((each) => `department:${each}`)].includes(row.transfer_to);
}

/** Whether the last word is the visitor's. */
export const waits = (row) => row.last_author === 'visitor';

/** Whether this agent has not seen it yet. */
export const unread = (row) => waits(row) && (row.read_seq ?? 0) < row.seq;

// Looking at a row must not move it: what was read counts for nothing here.
function byAttention(a, b) {
  if (waits(a) !== waits(b)) return waits(a) ? -1 : 1;
  return waits(a) ? a.last_at - b.last_at : b.last_at - a.last_at;
}

// As the server serves them.
function byQueue(a, b) {
  return (b.priority ?? 0) - (a.priority ?? 0) || Number(b.front ?? false) - Number(a.front ?? false) || a.enqueued_at - b.enqueued_at;
}

const counted = new WeakMap(); // rows are counted once, however often something else changes

/** How many wait: for the title and the tabs. */
export function counts(state) {
  if (!counted.has(state.cases)) {
    const all = [...state.cases.values()];
    const mine = all.filter((row) => row.state !== 'closed' && owns(row, state.me));
    counted.set(state.cases, { mine: mine.length, unread: mine.filter(unread).length, queue: all.filter(queued).length });
  }
  return counted.get(state.cases);
}

/** The number of the visitor's last message that nobody answered yet; 0 if there is none. */
export function askedLast(events) {
  for (const event of [...events].reverse()) {
    if (internal(event) || !['spoke', 'replied'].includes(event.kind)) continue;
    if (event.author !== 'visitor') return 0;
    if (event.text) return event.seq;
  }
  return 0;
}

// -- the parts

function withThread(state, conversation, change) {
  const old = state.threads.get(conversation) ?? thread();
  return { ...state, threads: new Map(state.threads).set(conversation, change(old)) };
}

function reached(old, events) {
  let { lastSeq, lastInternal } = old;
  for (const event of events) {
    if (internal(event)) lastInternal = Math.max(lastInternal, event.seq);
    else lastSeq = Math.max(lastSeq, event.seq);
  }
  return { ...old, lastSeq, lastInternal };
}
