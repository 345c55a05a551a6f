/** The console's page: who is signed in sees the desk, everybody else the door. */

import { html, render, useEffect, useState } from './vendor/htm-preact.js';
import { badge } from './attention.js';
import { desk, useDesk } from './desk.js';
import { counts } from './state.js';
import { theme } from './theme.js';
import { Loading } from './ui.js';
import { Login } from './views/login.js';
import { Shell } from './views/shell.js';
import { choose, language, w } from './words.js';

function Console() {
  const state = useDesk();
  const [booting, setBooting] = useState(true);
  const [, setLanguage] = useState(language());
  useEffect(() => {
    desk.start().catch(() => undefined).finally(() => setBooting(false));
  }, []);
  const { unread, queue } = counts(state);
  useEffect(() => badge(state.me ? unread + queue + state.rings.size : 0, w().name));
  const speak = () => {
    choose(language() === 'zh' ? 'en' : 'zh');
    setLanguage(language());
  };
  if (booting) return html`<main class="door"><${Loading} /></main>`;
  if (!state.me) return html`<${Login} onLanguage=${speak} reason=${state.ended} />`;
  return html`<${Shell} state=${state} onLanguage=${speak} />`;
}

choose();
theme.restore();
render(html`<${Console} />`, document.getElementById('console'));
