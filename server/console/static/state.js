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
  for (const row of frame.cases ?? []) next = caseChanged(next, row);
  for (const each of frame.following ?? []) next = followed(next, each);
  return next;
}

/** The link is down or coming up. */
export const linked = (state, link) => (state.link === link ? state : { ...state, link });

/** A conversation changed: the newer row wins, whichever way it came. */
export function caseChanged(state, row) {
  if (!newer(row, state.cases.get(row.conversation))) return state;
  const rings = new Map(state.rings);
  if (!asks(row, state.me?.id)) rings.delete(row.conversation);
  return { ...state, rings, cases: new Map(state.cases).set(row.conversation, row) };
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

/** A list was read. */
export function listed(state, box, { items, total }) {
  let next = state;
  for (const row of items) next = caseChanged(next, row);
  const list = { ids: items.map((row) => row.conversation), total, loading: false, error: '' };
  return { ...next, lists: new Map(next.lists).set(box, list) };
}

/** Tell the agent something for a moment. */
export const told = (state, toast) => ({ ...state, toasts: [...state.toasts, toast].slice(-MAX_TOASTS) });

/** It was read, or its time is over. */
export const untold = (state, id) => ({ ...state, toasts: state.toasts.filter((toast) => toast.id !== id) });

// -- what is shown

/** The rows of a box, in the order in which they want attention. */
export function rows(state, box) {
  const me = state.me?.id;
  const all = [...state.cases.values()];
  switch (box) {
    case 'mine':
      return all.filter((row) => row.state !== 'closed' && owns(row, me)).sort(byAttention);
    case 'queue':
      return all.filter((row) => row.state === 'queued' || row.state === 'ringing').sort(byQueue);
    default: {
      const list = state.lists.get(box);
      const shown = (list?.ids ?? []).map((id) => state.cases.get(id)).filter(Boolean);
      return box === 'closed' ? shown : shown.filter((row) => row.state !== 'closed');
    }
  }
}

/** Whether a row is an agent's to answer. */
export const owns = (row, id) => row.owner === `agent:${id}` || asks(row, id);

/** Whether an agent is asked to take a conversation: it rings, or a colleague would hand it over. */
export function asks(row, id) {
  if (row.state === 'ringing') return row.offered_to === id || row.offered_to === '';
  return row.state === 'transferring' && row.transfer_to === `agent:${id}`;
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

function byQueue(a, b) {
  return (b.priority ?? 0) - (a.priority ?? 0) || a.enqueued_at - b.enqueued_at;
}

/** How many wait: for the title and the tabs. */
export function counts(state) {
  const mine = rows(state, 'mine');
  return { mine: mine.length, unread: mine.filter(unread).length, queue: rows(state, 'queue').length };
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
