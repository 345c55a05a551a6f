/** The door. */

import { html, useState } from '../vendor/htm-preact.js';
import { desk } from '../desk.js';
import { theme } from '../theme.js';
import { Field, IconButton } from '../ui.js';
import { language, w } from '../words.js';

export function Login({ reason, onLanguage }) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState('');
  const submit = async (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    setBusy(true);
    setError('');
    try {
      await desk.signIn(form.get('login').trim(), form.get('password'));
    } catch (problem) {
      setError(wordsFor(problem));
      setBusy(false);
    }
  };
  return html`<main class="door">
    <form class="card" onSubmit=${submit}>
      <img src="/console/static/icon.svg" alt="" width="44" height="44" />
      <h1>${w().name}</h1>
      ${reason && !error && html`<p class="note" role="status">${reason}</p>`}
      <${Field} label=${w().login}><input name="login" autocomplete="username" autocapitalize="none" required autofocus maxlength="100" /><//>
      <${Field} label=${w().password}><input name="password" type="password" autocomplete="current-password" required maxlength="500" /><//>
      ${error && html`<p class="error" role="alert">${error}</p>`}
      <button class="primary wide" disabled=${busy}>${busy ? w().signingIn : w().signIn}</button>
    </form>
    <p class="door-foot">
      <button type="button" class="link" lang=${language() === 'zh' ? 'en' : 'zh-CN'} onClick=${onLanguage}>${w().language}</button>
      <${IconButton} name="moon" label=${w().theme} onClick=${theme.toggle} />
    </p>
  </main>`;
}

function wordsFor({ status, retryAfter }) {
  if (status === 429) return w().lockedOut(retryAfter || 60);
  if (status === 401 || status === 400 || status === 422) return w().wrongPassword;
  return w().unreachable;
}
