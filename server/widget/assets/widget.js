/**
 * The chat bubble: <script src="https://HOST/widget.js?key=wk_…" async></script>
 * Small and alone, so that it is there at once; the conversation itself is loaded when it is needed, each file as often
 * as it takes. `window.kefu` has open(), close() and toggle().
 */
(() => {
  const VERSION = '__VERSION__'; // of the files below; filled in by the server
  const FILES = ['__FILES__'];
  const TRIES = 8;
  const TRY_MS = 8_000; // for one file to arrive
  const script = document.currentScript;
  if (!script || window.kefu) return;

  const source = new URL(script.src);
  const { dataset } = script;
  const key = source.searchParams.get('key') || dataset.key || '';
  const language = dataset.lang || document.documentElement.lang || navigator.language || 'en';
  const chinese = /^zh\b/i.test(language);
  const words = chinese
    ? { open: '打开客服对话', close: '关闭对话', unread: (n) => `，${n} 条未读`, failed: '网络不佳，请点击重试' }
    : { open: 'Open chat', close: 'Close chat', unread: (n) => `, ${n} unread`, failed: 'No connection. Try again.' };
  const nonce = script.nonce;
  const base = `${source.origin}/widget/${VERSION}/`;
  let panel = null;
  let loading = null;
  let wanted = false; // to be open once it is loaded

  const STYLE = `
    :host { all: initial; }
    .launch { position: fixed; inset-block-end: 20px; inset-inline-end: 20px; z-index: 2147483000; inline-size: 56px;
      block-size: 56px; border: 0; padding: 0; margin: 0; border-radius: 50%; cursor: pointer; display: grid;
      place-items: center; background: var(--kefu-accent, #17694f); color: #fff;
      box-shadow: 0 6px 20px rgb(15 23 32 / .28); transition: transform .15s; }
    .launch:hover { transform: scale(1.05); }
    .launch:focus-visible { outline: 3px solid #7cc4ea; outline-offset: 3px; }
    :host([data-side="left"]) .launch { inset-inline: 20px auto; }
    svg { inline-size: 27px; block-size: 27px; fill: none; stroke: currentColor; stroke-width: 1.8;
      stroke-linecap: round; stroke-linejoin: round; }
    .badge { position: absolute; inset-block-start: -3px; inset-inline-end: -3px; min-inline-size: 21px; block-size: 21px;
      padding: 0 5px; box-sizing: border-box; border-radius: 11px; background: #c0281f; color: #fff;
      font: 600 12px/21px system-ui, sans-serif; text-align: center; }
    .note { position: fixed; inset-block-end: 30px; inset-inline-end: 88px; z-index: 2147483000; max-inline-size: 240px;
      padding: 8px 13px; border-radius: 12px; background: #1c2126; color: #fff; font: 14px/1.4 system-ui, sans-serif; }
    :host([data-side="left"]) .note { inset-inline: 88px auto; }
    [aria-busy="true"] svg { animation: wait 1s ease-in-out infinite alternate; }
    @keyframes wait { from { opacity: 1; } to { opacity: .25; } }
    [hidden] { display: none; }
    @media (max-width: 480px), (max-height: 420px) { .launch[aria-expanded="true"] { display: none; } }
    @media (prefers-reduced-motion: reduce) { *, *:hover { animation: none !important; transition: none; transform: none; } }
    @media print { .launch, .note { display: none; } }`;

  // -- loading: whatever the network drops is asked for again

  const pause = (attempt) =>
    new Promise((go) => {
      setTimeout(go, Math.min(8_000, 250 * 2 ** attempt) * (0.5 + Math.random() / 2));
      addEventListener('online', go, { once: true });
    });

  /** Bring a file into the browser's cache, from which the import below takes it. */
  async function fetchFile(name, attempt = 0) {
    const cut = new AbortController();
    const timer = setTimeout(() => cut.abort(), TRY_MS);
    try {
      const answer = await fetch(base + name, { signal: cut.signal });
      if (answer.status === 404) return 'old'; // the server was updated since this loader was cached
      if (!answer.ok) throw new Error(String(answer.status));
      await answer.text();
      return 'here';
    } catch {
      if (attempt + 1 >= TRIES) return 'missing'; // or the page's policy forbids fetch: the import may still work
      await pause(attempt);
      return fetchFile(name, attempt + 1);
    } finally {
      clearTimeout(timer);
    }
  }

  async function importApp(attempt = 0) {
    try {
      return await import(`${base}app.js${attempt ? `?try=${attempt}` : ''}`);
    } catch (error) {
      if (attempt + 1 >= TRIES) throw error;
      await pause(attempt);
      return importApp(attempt + 1);
    }
  }

  async function load() {
    const found = await Promise.all(FILES.map((name) => fetchFile(name)));
    if (found.includes('old') && !source.searchParams.has('fresh')) return renew();
    const { mount } = await importApp();
    panel = mount({
      root,
      host: source.origin,
      key,
      language,
      nonce,
      title: dataset.title || '',
      user: dataset.user || '',
      signature: dataset.signature || '',
      onunread: showUnread,
      onclose: () => {
        reflect();
        bubble.focus();
      },
    });
    if (wanted) panel.open();
    return reflect();
  }

  /** Make room for the loader that the server has now. */
  function renew() {
    const next = document.createElement('script');
    source.searchParams.set('fresh', VERSION);
    next.src = source.href;
    next.async = true;
    if (nonce) next.nonce = nonce;
    Object.assign(next.dataset, dataset, wanted ? { open: 'true' } : {});
    next.onload = () => host.remove();
    delete window.kefu;
    document.head.append(next);
  }

  async function ensure() {
    note.hidden = true;
    bubble.setAttribute('aria-busy', 'true');
    try {
      await (loading ??= load());
    } catch {
      loading = null;
      note.hidden = !wanted;
    }
    bubble.removeAttribute('aria-busy');
  }

  // -- the bubble

  const make = (tag, attributes) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return element;
  };

  const host = make('div', { id: 'kefu-widget' });
  const root = host.attachShadow({ mode: 'open' });
  const badge = make('span', { class: 'badge', hidden: '', 'aria-hidden': 'true' });
  const note = make('div', { class: 'note', role: 'alert', hidden: '' });
  const bubble = make('button', { class: 'launch', type: 'button', 'aria-expanded': 'false', 'aria-haspopup': 'dialog' });
  let unread = 0;

  function picture() {
    const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
    const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
    svg.setAttribute('viewBox', '0 0 24 24');
    svg.setAttribute('aria-hidden', 'true');
    svg.append(path);
    return { svg, path };
  }

  const { svg, path } = picture();
  const CHAT = 'M4 5.5A2.5 2.5 0 0 1 6.5 3h11A2.5 2.5 0 0 1 20 5.5v8a2.5 2.5 0 0 1-2.5 2.5H11l-4.6 4.1a.8.8 0 0 1-1.4-.6'
    + 'V16A2.5 2.5 0 0 1 4 13.5zM8.5 8.2h7M8.5 11.200h4.500';
  const DOWN = 'M6 9.500l6 6 6-6';

  function reflect() {
    const open = Boolean(panel?.opened);
    bubble.setAttribute('aria-expanded', String(open));
    bubble.setAttribute('aria-label', open ? words.close : words.open + (unread ? words.unread(unread) : ''));
    path.setAttribute('d', open ? DOWN : CHAT);
    badge.hidden = open || !unread;
    badge.textContent = unread > 99 ? '99+' : String(unread);
  }

  function showUnread(count) {
    unread = count;
    reflect();
  }

  const kefu = {
    async open() {
      wanted = true;
      if (!panel) await ensure();
      else if (!panel.opened) panel.open();
      reflect();
    },
    close() {
      wanted = false;
      if (panel?.opened) panel.close();
    },
    toggle() {
      return panel?.opened ? kefu.close() : kefu.open();
    },
  };

  function useStyles() {
    if ('adoptedStyleSheets' in root && CSSStyleSheet.prototype.replaceSync) {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(STYLE);
      root.adoptedStyleSheets = [sheet];
    } else {
      const style = make('style', nonce ? { nonce } : {});
      style.textContent = STYLE;
      root.append(style);
    }
  }

  function visitedBefore() {
    try {
      return localStorage.getItem(`kefu:${key}:${dataset.user || ''}:token`) !== null;
    } catch {
      return false;
    }
  }

  function show() {
    useStyles();
    if (dataset.side === 'left') host.dataset.side = 'left';
    if (dataset.accent) host.style.setProperty('--kefu-accent', dataset.accent);
    note.textContent = words.failed;
    svg.append(path);
    bubble.append(svg, badge);
    bubble.addEventListener('click', () => kefu.toggle());
    bubble.addEventListener('pointerenter', () => FILES.forEach((name) => fetch(base + name).catch(() => {})), { once: true });
    root.append(bubble, note);
    reflect();
    document.body.append(host);
    // Who has talked to us before may have got an answer in the meantime.
    if (visitedBefore() || dataset.open) {
      wanted = Boolean(dataset.open);
      const soon = window.requestIdleCallback ?? ((go) => setTimeout(go, 200));
      soon(() => ensure());
    }
  }

  window.kefu = kefu;
  if (document.body) show();
  else document.addEventListener('DOMContentLoaded', show);
})();
