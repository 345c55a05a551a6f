/**
 * Answers are Markdown; this makes DOM nodes of the little that is allowed: paragraphs, line breaks, bold, italic,
 * code, lists, quotes, tables, and links to http, https, mailto and tel. Everything else, HTML included, stays text.
 * Images would call other hosts, so that only their description is shown.
 */

import { h } from './dom.js';

const MAX_CHARS = 20_000;
const MAX_DEPTH = 6; // of nested emphasis and lists
const BULLET = /^(\s*)([-*+•]|\d{1,9}[.)])\s+(.*)$/;
const FENCE = /^\s*(```|~~~)/;
const RULE_ROW = /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/;

/** Give a fragment that shows a text. */
export function markdown(text) {
  const fragment = document.createDocumentFragment();
  blocks(String(text).slice(0, MAX_CHARS).replace(/\r\n?/g, '\n').split('\n'), fragment, 0);
  return fragment;
}

/** Give an address that may be followed, or '' . */
export function safeAddress(address) {
  const clean = address.trim();
  if (!/^(https?:\/\/|mailto:|tel:)/i.test(clean)) return '';
  try {
    const url = new URL(clean);
    return ['http:', 'https:', 'mailto:', 'tel:'].includes(url.protocol) ? url.href : '';
  } catch {
    return '';
  }
}

function blocks(lines, parent, depth) {
  let at = 0;
  while (at < lines.length) {
    const line = lines[at];
    if (!line.trim()) at += 1;
    else if (FENCE.test(line)) at = fence(lines, at, parent);
    else if (BULLET.test(line) && depth < MAX_DEPTH) at = list(lines, at, parent, depth);
    else if (/^\s*>/.test(line) && depth < MAX_DEPTH) at = quote(lines, at, parent, depth);
    else if (line.includes('|') && RULE_ROW.test(lines[at + 1] ?? '') && lines[at + 1].includes('-')) {
      at = table(lines, at, parent);
    } else at = paragraph(lines, at, parent);
  }
}

function fence(lines, at, parent) {
  const mark = lines[at].match(FENCE)[1];
  let end = at + 1;
  while (end < lines.length && !lines[end].trim().startsWith(mark)) end += 1;
  parent.append(h('pre', {}, h('code', {}, lines.slice(at + 1, end).join('\n'))));
  return end + 1;
}

function quote(lines, at, parent, depth) {
  let end = at;
  while (end < lines.length && /^\s*>/.test(lines[end])) end += 1;
  const element = h('blockquote');
  blocks(lines.slice(at, end).map((line) => line.replace(/^\s*>\s?/, '')), element, depth + 1);
  parent.append(element);
  return end;
}

function list(lines, at, parent, depth) {
  const [, indent, mark] = lines[at].match(BULLET);
  const ordered = /\d/.test(mark);
  const first = ordered ? Number.parseInt(mark, 10) : 1;
  const element = h(ordered ? 'ol' : 'ul', { start: ordered && first !== 1 ? String(first) : undefined });
  while (at < lines.length) {
    const found = lines[at].match(BULLET);
    if (!found || found[1].length > indent.length + 1 || found[1].length < indent.length) break;
    if (/\d/.test(found[2]) !== ordered) break;
    const inner = [];
    let end = at + 1;
    while (end < lines.length && belongs(lines, end, indent.length)) inner.push(lines[end++]);
    const item = h('li');
    item.append(...inline(found[3], 0));
    blocks(inner, item, depth + 1);
    element.append(item);
    at = end;
    if (at < lines.length && !lines[at].trim() && BULLET.test(lines[at + 1] ?? '')) at += 1;
  }
  parent.append(element);
  return at;
}

/** Whether a line is a deeper part of a list's item. */
function belongs(lines, at, indent) {
  const line = lines[at];
  return line.trim() !== '' && line.search(/\S/) > indent + 1;
}

function table(lines, at, parent) {
  const cells = (line) => line.trim().replace(/^\||\|$/g, '').split('|');
  const row = (line, tag) => h('tr', {}, ...cells(line).map((cell) => h(tag, {}, ...inline(cell.trim(), 0))));
  const body = h('tbody');
  let end = at + 2;
  while (end < lines.length && lines[end].includes('|')) body.append(row(lines[end++], 'td'));
  parent.append(h('div', { class: 'table' }, h('table', {}, h('thead', {}, row(lines[at], 'th')), body)));
  return end;
}

function paragraph(lines, at, parent) {
  const heading = lines[at].match(/^#{1,6}\s+(.*)$/);
  if (heading) {
    parent.append(h('p', {}, h('strong', {}, ...inline(heading[1], 0))));
    return at + 1;
  }
  const element = h('p');
  let end = at;
  while (end < lines.length && lines[end].trim() && (end === at || !starts(lines[end]))) {
    if (end > at) element.append(h('br'));
    element.append(...inline(lines[end].trim(), 0));
    end += 1;
  }
  parent.append(element);
  return end;
}

function starts(line) {
  return BULLET.test(line) || FENCE.test(line) || /^\s*>/.test(line) || /^#{1,6}\s/.test(line);
}

// Each alternative is bounded by a character that it cannot contain, so that no text makes this slow.
const TOKEN = new RegExp(
  [
    /\\([\\`*_{}[\]()#+\-.!|<>~])/, // 1: escaped
    /`([^`\n]{1,2000})`/, // 2: code
    /!\[([^\][\n]{0,500})\]\([^()\s]{0,2000}\)/, // 3: image, by its description
    /\[([^\][\n]{1,500})\]\(([^()\s]{1,2000})\)/, // 4, 5: link
    /<((?:https?:\/\/|mailto:)[^<>\s]{1,2000})>/, // 6: address in brackets
    /\*\*(?=\S)([^\n]{1,600}?\S)\*\*(?!\*)|\*\*(\S)\*\*/, // 7, 8: bold
    /\*(?=[^\s*])([^*\n]{1,1000})\*/, // 9: italic
    /_(?=[^\s_])([^_\n]{1,1000})_(?![\p{L}\p{N}_])/, // 10: italic, unless it begins within a word
    /(https?:\/\/[^\s<>"'`|\u3000-\u303f\uff00-\uffef\u4e00-\u9fff]{1,2000})/, // 11: bare address
  ]
    .map((part) => part.source)
    .join('|'),
  'gu',
);

function inline(text, depth) {
  const nodes = [];
  let end = 0;
  for (const match of text.matchAll(TOKEN)) {
    if (match.index > end) nodes.push(text.slice(end, match.index));
    const within = match[10] !== undefined && /[\p{L}\p{N}_]/u.test(text[match.index - 1] ?? '');
    nodes.push(...(within ? [match[0]] : span(match, depth)));
    end = match.index + match[0].length;
  }
  if (end < text.length) nodes.push(text.slice(end));
  return nodes;
}

function span(match, depth) {
  const deeper = (text) => (depth < MAX_DEPTH ? inline(text, depth + 1) : [text]);
  const [whole, escaped, code, image, label, address, bracketed, bold, letter, star, score, bare] = match;
  if (escaped !== undefined) return [escaped];
  if (code !== undefined) return [h('code', {}, code)];
  if (image !== undefined) return [image];
  if (label !== undefined) return link(address, deeper(label), whole);
  if (bracketed !== undefined) return link(bracketed, [bracketed.replace(/^mailto:/i, '')], whole);
  if (bold !== undefined) return [h('strong', {}, ...deeper(bold))];
  if (letter !== undefined) return [h('strong', {}, letter)];
  if (star !== undefined) return [h('em', {}, ...deeper(star))];
  if (score !== undefined) return [h('em', {}, ...deeper(score))];
  const trimmed = bare.replace(/[.,;:!?)\]]+$/, '');
  return [...link(trimmed, [trimmed], trimmed), bare.slice(trimmed.length)];
}

function link(address, label, whole) {
  const href = safeAddress(address);
  if (!href) return [whole];
  return [h('a', { href, target: '_blank', rel: 'noopener noreferrer' }, ...label)];
}
