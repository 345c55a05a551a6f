/** The place to answer or to leave a note: drafts are kept, `/` offers canned replies, `@` colleagues. */

import { html, useEffect, useMemo, useRef, useState } from '../vendor/htm-preact.js';
import { api } from '../api.js';
import { desk, nameOfVisitor } from '../desk.js';
import { queued, ticket } from '../state.js';
import { Icon } from '../ui.js';
import { keep, kept } from '../unsent.js';
import { language, w } from '../words.js';
import { Proposal, useProposal } from './proposal.js';

const MAX_CHARS = 8_000;
const MAX_FILES = 5;
const KINDS = 'image/png,image/jpeg,image/webp,image/gif,application/pdf';
const DRAFT_MS = 800;

export function Composer({ state, row, thread }) {
  const mine = row.owner === `agent:${state.me.id}` && ['active', 'on_hold', 'transferring'].includes(row.state);
  const [note, setNote] = useState(!mine);
  const [text, setText] = useState(() => kept(row.conversation, note));
  const [canned, setCanned] = useState([]);
  const [at, setAt] = useState(0);
  const [files, setFiles] = useState([]); // sent to the server, to go with the next message
  const [sending, setSending] = useState(0);
  const field = useRef();
  const picker = useRef();
  const draft = useRef();

  useEffect(() => {
    api.canned().then((answer) => setCanned(answer.items ?? answer), () => undefined);
  }, []);
  useEffect(() => setNote(!mine), [mine]);
  useEffect(() => setText(kept(row.conversation, note)), [note]);
  useEffect(() => {
    if (mine && !note && !text && thread?.draft) setText(thread.draft); // begun in another browser, or before a crash
  }, [thread?.draft]);
  useEffect(() => {
    const inserted = (event) => {
      setNote(false);
      write(joined(field.current?.value ?? '', event.detail));
      field.current?.focus();
    };
    addEventListener('kefu:insert', inserted);
    return () => removeEventListener('kefu:insert', inserted);
  }, []);
  useLayout(field, text);
  const [proposal, putAway] = useProposal(row, thread, mine && !note);

  const offers = useMemo(() => offered(text, note, { canned, state, row }), [text, note, canned, state.agents]);
  const write = (value) => {
    setText(value);
    setAt(0);
    keep(row.conversation, note, value);
    if (note) return;
    desk.typing(row.conversation, value !== '');
    clearTimeout(draft.current);
    draft.current = setTimeout(() => {
      desk.socket.tell({ type: 'draft', conversation: row.conversation, text: value });
      dispatchEvent(new CustomEvent('kefu:draft', { detail: value }));
    }, DRAFT_MS);
  };
  const ready = !sending && (text.trim() || (!note && files.length > 0));
  const attach = async (chosen) => {
    const wanted = [...chosen].slice(0, MAX_FILES - files.length);
    setSending((count) => count + wanted.length);
    for (const file of wanted) {
      try {
        const sent = await api.upload(row.conversation, file);
        setFiles((before) => [...before, sent]);
      } catch (problem) {
        desk.tell(`${file.name}: ${problem.message || w().didNotWork}`, { bad: true });
      }
      setSending((count) => count - 1);
    }
  };
  const send = () => {
    const words = text.trim();
    if (!ready || words.length > MAX_CHARS) return;
    const mentions = note ? mentioned(words, state) : [];
    desk.say(row.conversation, words, { note, mentions, files: note ? [] : files.map((file) => file.id) });
    if (!note) setFiles([]);
    clearTimeout(draft.current);
    write('');
  };
  const takeProposal = () => {
    write(joined(text, proposal.text));
    putAway();
    field.current.focus();
  };
  const pressed = (event) => {
    if (event.isComposing) return; // an input method is choosing characters
    if (proposal && !text && event.key === 'Tab' && !event.shiftKey) {
      event.preventDefault();
      return takeProposal();
    }
    if (proposal && event.key === 'Escape') return putAway();
    if (offers.length && moved(event, offers, at, setAt)) return;
    if (offers.length && (event.key === 'Enter' || event.key === 'Tab')) {
      event.preventDefault();
      write(offers[at].whole);
    } else if (event.key === 'Enter' && !event.shiftKey) {
      event.preventDefault();
      send();
    } else if (event.altKey && event.code === 'KeyN' && mine) {
      event.preventDefault();
      setNote(!note);
    }
  };

  return html`<section class=${`composer ${note ? 'is-note' : ''}`} aria-label=${note ? w().note : w().reply}>
    <div class="composer-tabs" role="tablist">
      <button type="button" role="tab" aria-selected=${!note} disabled=${!mine} onClick=${() => setNote(false)}>${w().reply}</button>
      <button type="button" role="tab" aria-selected=${note} onClick=${() => setNote(true)}>${w().note}</button>
      ${!mine && html`<small>${whyNot(row)}</small>`}
    </div>
    ${proposal && html`<${Proposal} proposal=${proposal} byKey=${!text} onTake=${takeProposal} onPutAway=${putAway} />`}
    ${offers.length > 0 && html`<ul class="offers" role="listbox" aria-label=${w().canned}>
      ${offers.map((offer, index) => html`<li key=${offer.key}><button type="button" role="option" aria-selected=${index === at} onMouseDown=${(event) => event.preventDefault()} onClick=${() => (write(offer.whole), field.current.focus())}><b>${offer.label}</b><span>${offer.preview}</span></button></li>`)}
    </ul>`}
    ${!note && (files.length > 0 || sending > 0) && html`<ul class="attached">
      ${files.map((file) => html`<li key=${file.id}><${Icon} name="clip" />${file.name}<button type="button" class="icon-button" aria-label=${`${w().remove} ${file.name}`} onClick=${() => setFiles(files.filter((each) => each !== file))}><${Icon} name="cross" /></button></li>`)}
      ${sending > 0 && html`<li role="status">${w().sending}</li>`}
    </ul>`}
    <div class="composer-row">
      ${!note && html`<button type="button" class="icon-button" aria-label=${w().attach} title=${w().attach} disabled=${!mine || files.length >= MAX_FILES} onClick=${() => picker.current.click()}><${Icon} name="clip" /></button>
      <input ref=${picker} type="file" hidden multiple accept=${KINDS} onChange=${(event) => (attach(event.target.files), (event.target.value = ''))} />`}
      <textarea ref=${field} rows="2" maxlength=${MAX_CHARS} value=${text} aria-label=${note ? w().note : w().reply}
        placeholder=${note ? w().notePlaceholder : w().replyTo(nameOfVisitor(row))}
        onInput=${(event) => write(event.target.value)} onKeyDown=${pressed}
        onPaste=${(event) => !note && mine && event.clipboardData.files.length && (event.preventDefault(), attach(event.clipboardData.files))} onBlur=${() => !note && desk.typing(row.conversation, false)}></textarea>
      <button type="button" class="primary" disabled=${!ready} onClick=${send}><${Icon} name=${note ? 'note' : 'send'} />${note ? w().addNote : w().send}</button>
    </div>
  </section>`;
}

/** As tall as its words, up to a bound that the style sets. */
function useLayout(field, text) {
  useEffect(() => {
    const box = field.current;
    box.style.height = 'auto';
    box.style.height = `${box.scrollHeight + 2}px`;
  }, [text]);
}

function whyNot(row) {
  if (row.state === 'closed' || row.state === 'wrap_up') return w().isClosed;
  if (queued(row) || ticket(row)) return w().notYetAccepted;
  if (row.owner === 'bot') return w().botTalks;
  return w().notYours;
}

function moved(event, offers, at, setAt) {
  const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!by) return false;
  event.preventDefault();
  setAt((at + by + offers.length) % offers.length);
  return true;
}

/** What `/word` or `@name` at the end of the text may become. */
function offered(text, note, { canned, state, row }) {
  const slash = !note && text.match(/^\/(\S*)$/);
  if (slash) {
    const wanted = slash[1].toLowerCase();
    return canned
      .filter((reply) => reply.shortcut.toLowerCase().includes(wanted) || (reply.text_zh + reply.text_en).toLowerCase().includes(wanted))
      .slice(0, 8)
      .map((reply) => {
        const whole = filled(reply, state, row);
        return { key: reply.id, label: `/${reply.shortcut}`, preview: whole.slice(0, 90), whole };
      });
  }
  const mention = note && text.match(/(^|\s)@(\S*)$/);
  if (!mention) return [];
  const wanted = mention[2].toLowerCase();
  return [...state.agents.values()]
    .filter((each) => each.id !== state.me.id && each.name.toLowerCase().includes(wanted))
    .slice(0, 8)
    .map((each) => ({ key: each.id, label: `@${each.name}`, preview: '', whole: `${text.slice(0, text.length - mention[2].length)}${each.name} ` }));
}

function filled(reply, state, row) {
  const chinese = (row.language || language()).startsWith('zh');
  const text = (chinese ? reply.text_zh || reply.text_en : reply.text_en || reply.text_zh) ?? '';
  const department = state.departments.find((each) => each.id === row.department);
  const values = { visitor: row.visitor.name ?? '', agent: state.me.name, department: (chinese ? department?.name_zh : department?.name_en) ?? '' };
  return text.replace(/\{(visitor|agent|department)\}/g, (_, name) => values[name]);
}

const mentioned = (text, state) => [...state.agents.values()].filter((each) => text.includes(`@${each.name}`)).map((each) => each.id);
const joined = (before, more) => (before.trim() ? `${before.trimEnd()}\n${more}` : more);
