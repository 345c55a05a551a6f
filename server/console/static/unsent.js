/** What is written and not sent, in this tab: it outlives a reload, and goes when what it is about was erased. */

const KEY = (conversation, note) => `kefu.console.${note ? 'note' : 'draft'}.${conversation}`;

/** What was written in a conversation, or a note about it. */
export function kept(conversation, note) {
  try {
    return sessionStorage.getItem(KEY(conversation, note)) ?? '';
  } catch {
    return '';
  }
}

/** Keep it; "" forgets it. */
export function keep(conversation, note, text) {
  try {
    if (text) sessionStorage.setItem(KEY(conversation, note), text);
    else sessionStorage.removeItem(KEY(conversation, note));
  } catch {
    // storage may be forbidden or full
  }
}

/** Forget both. */
export function forget(conversation) {
  keep(conversation, false, '');
  keep(conversation, true, '');
}
