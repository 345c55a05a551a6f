/** How the widget looks. In a shadow root: the page's styles do not reach it, and these do not reach the page. */

export const STYLE = `
:host { color-scheme: light dark; }
*, *::before, *::after { box-sizing: border-box; }
.kefu {
  --ground: #ffffff; --ink: #1c2126; --faint: #5c6670; --line: #e2e6ea; --bot: #f1f4f6; --field: #ffffff;
  --accent: var(--kefu-accent, #17694f); --on-accent: #ffffff; --link: #0b5f8a; --bad: #b3261e;
  --star: #b26a00; --note: #fff4d6; --on-note: #5b4300; --shadow: 0 12px 40px rgb(15 23 32 / .22), 0 2px 8px rgb(15 23 32 / .10);
  font: 400 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "PingFang SC", "Hiragino Sans GB", "Microsoft YaHei",
    "Noto Sans CJK SC", "Noto Sans SC", sans-serif;
  color: var(--ink); letter-spacing: normal; text-align: left; text-transform: none; word-spacing: normal;
}
@media (prefers-color-scheme: dark) {
  .kefu {
    --ground: #171b1f; --ink: #e7eaed; --faint: #a2abb4; --line: #2c3339; --bot: #242a30; --field: #1e2328;
    --link: #7cc4ea; --bad: #ff8f86; --star: #f3b562; --note: #3d3110; --on-note: #f4dfa5;
    --shadow: 0 12px 40px rgb(0 0 0 / .55), 0 0 0 1px #2c3339;
  }
}
.panel {
  position: fixed; inset-block-end: 92px; inset-inline-end: 20px; z-index: 2147483000; display: flex;
  flex-direction: column; inline-size: 384px; max-inline-size: calc(100vw - 40px);
  block-size: min(640px, calc(100vh - 112px)); background: var(--ground); border-radius: 16px;
  box-shadow: var(--shadow); overflow: hidden; animation: rise .18s ease-out;
}
.panel[hidden], [hidden] { display: none !important; }
:host([data-side="left"]) .panel { inset-inline: 20px auto; }
@keyframes rise { from { opacity: 0; transform: translateY(10px); } }
.icon { inline-size: 20px; block-size: 20px; fill: none; stroke: currentColor; stroke-width: 1.8; stroke-linecap: round;
  stroke-linejoin: round; flex: none; }
.icon-down { transform: scaleY(-1); }
button { font: inherit; color: inherit; background: none; border: 0; padding: 0; margin: 0; cursor: pointer; }
button:disabled { cursor: default; }
:focus { outline: none; }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
.said { position: absolute; inline-size: 1px; block-size: 1px; overflow: hidden; clip-path: inset(50%);
  white-space: nowrap; }

.head { display: flex; align-items: center; gap: 10px; padding: 12px 12px 12px 18px; background: var(--accent);
  color: var(--on-accent); }
.head :focus-visible { outline-color: var(--on-accent); outline-offset: -3px; }
.head .names { flex: 1; min-inline-size: 0; }
.head h2 { margin: 0; font-size: 16px; font-weight: 600; line-height: 1.3; overflow: hidden; text-overflow: ellipsis;
  white-space: nowrap; }
.head p { margin: 0; font-size: 12.5px; line-height: 1.4; display: flex; align-items: center; gap: 6px; }
.head .dot { inline-size: 8px; block-size: 8px; border-radius: 50%; background: #7ee2b8; flex: none; }
.head .dot.away { background: #f7c65d; }
.head .act { display: inline-flex; align-items: center; gap: 6px; min-block-size: 36px; border-radius: 18px;
  padding: 0 12px; font-size: 13px; white-space: nowrap; border: 1px solid rgb(255 255 255 / .45); }
.head .shut { border: 0; padding: 0; inline-size: 36px; justify-content: center; }
.head .act:hover { background: rgb(255 255 255 / .16); }

.banner { display: flex; align-items: flex-start; gap: 8px; padding: 9px 16px; font-size: 13px; line-height: 1.45;
  background: var(--note); color: var(--on-note); }
.banner .icon { inline-size: 17px; block-size: 17px; margin-block-start: 1px; }
.banner .text { flex: 1; }
.banner button { text-decoration: underline; text-underline-offset: 2px; font-weight: 600; white-space: nowrap; }

.log { flex: 1; min-block-size: 0; overflow-y: auto; overscroll-behavior: contain; padding: 16px 16px 8px;
  display: flex; flex-direction: column; gap: 10px; }
.log:focus-visible { outline-offset: -3px; }
.day, .older { align-self: center; font-size: 12px; color: var(--faint); }
.older { padding: 5px 14px; border: 1px solid var(--line); border-radius: 14px; color: var(--ink); }
.older:hover { background: var(--bot); }

.row { display: flex; flex-direction: column; align-items: flex-start; max-inline-size: 88%; gap: 4px; }
.row.mine { align-self: flex-end; align-items: flex-end; max-inline-size: 82%; }
.bubble { padding: 9px 13px; border-radius: 4px 16px 16px 16px; background: var(--bot); overflow-wrap: anywhere;
  max-inline-size: 100%; }
.mine .bubble { background: var(--accent); color: var(--on-accent); border-radius: 16px 4px 16px 16px;
  white-space: pre-wrap; }
.failed .bubble { background: var(--bot); color: var(--ink); box-shadow: inset 0 0 0 1px var(--bad); }
.gone .bubble { color: var(--faint); font-style: italic; background: none; box-shadow: inset 0 0 0 1px var(--line); }
.who { font-size: 12px; color: var(--faint); }
.meta { display: flex; align-items: center; gap: 4px; font-size: 11.5px; color: var(--faint); min-block-size: 16px; }
.meta .icon { inline-size: 14px; block-size: 14px; }
.meta .icon-ticks { color: var(--link); }
.meta.bad { color: var(--bad); font-size: 12.5px; gap: 8px; flex-wrap: wrap; justify-content: flex-end; }
.meta.bad button { text-decoration: underline; text-underline-offset: 2px; min-block-size: 24px; }

.text > :first-child { margin-block-start: 0; }
.text > :last-child { margin-block-end: 0; }
.text p, .text ul, .text ol, .text pre, .text blockquote, .text .table { margin: 0 0 .55em; }
.text ul, .text ol { padding-inline-start: 1.35em; }
.text li { margin-block: .15em; }
.text li > ul, .text li > ol { margin: 0; }
.text a { color: var(--link); text-decoration: underline; text-underline-offset: 2px; }
.text code { font: 13px/1.45 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; background: rgb(127 127 127 / .16);
  border-radius: 4px; padding: .1em .3em; }
.text pre { overflow-x: auto; padding: 8px 10px; background: rgb(127 127 127 / .14); border-radius: 8px; }
.text pre code { background: none; padding: 0; white-space: pre; }
.text blockquote { padding-inline-start: 10px; border-inline-start: 3px solid var(--line); color: var(--faint); }
.text .table { overflow-x: auto; }
.text table { border-collapse: collapse; font-size: 13.5px; }
.text th, .text td { border: 1px solid var(--line); padding: 4px 8px; text-align: start; }

.sources { display: flex; gap: 4px 6px; align-items: flex-start; font-size: 12px; color: var(--faint); max-inline-size: 100%; }
.sources > span { flex: none; padding-block-start: 4px; }
.sources ul { display: flex; flex-wrap: wrap; gap: 4px 6px; margin: 0; padding: 0; list-style: none; min-inline-size: 0; }
.chip { display: inline-flex; align-items: center; gap: 5px; max-inline-size: 100%; padding: 2px 9px 2px 7px;
  border: 1px solid var(--line); border-radius: 12px; }
.chip .icon { inline-size: 14px; block-size: 14px; }
.chip span { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.choices { display: flex; flex-direction: column; gap: 6px; align-items: stretch; inline-size: 100%;
  margin-block-start: 2px; }
.choice { text-align: start; padding: 8px 13px; border: 1px solid var(--link); color: var(--link); border-radius: 12px;
  line-height: 1.4; min-block-size: 40px; background: var(--ground); }
.choice:hover:enabled { background: var(--bot); }
.choice:disabled { border-color: var(--line); color: var(--faint); }
.choice.taken:disabled { border-color: var(--link); color: var(--ink); font-weight: 600; }
.rate { display: flex; align-items: center; gap: 2px; font-size: 12px; color: var(--faint); }
.rate button { inline-size: 30px; block-size: 30px; border-radius: 8px; display: inline-grid; place-items: center; }
.rate button:hover { background: var(--bot); color: var(--ink); }
.rate button .icon { inline-size: 17px; block-size: 17px; }
.rate button[aria-pressed="true"] { color: var(--link); }
.rate button[aria-pressed="true"] .icon path { fill: currentColor; fill-opacity: .25; }

.told { align-self: center; display: grid; justify-items: center; gap: 8px; max-inline-size: 92%; padding: 4px 0; }
.told-text { margin: 0; padding: 5px 13px; border-radius: 14px; background: var(--bot); color: var(--faint); font-size: 13px;
  text-align: center; overflow-wrap: anywhere; }
.told .choices { flex-flow: row wrap; justify-content: center; }
.told .choice { padding: 4px 13px; font-size: 13.5px; }
.stars { display: flex; justify-content: center; }
.star { inline-size: 40px; block-size: 40px; display: grid; place-items: center; color: var(--faint); border-radius: 10px; }
.star:hover:enabled { background: var(--bot); color: var(--star); }
.star.given { color: var(--star); }
.star.given .icon path { fill: currentColor; }
.thanks { margin: 0; text-align: center; font-size: 12.5px; color: var(--faint); }
.leave { display: grid; gap: 7px; inline-size: min(280px, 100%); margin: 0; }
.leave input, .leave textarea { font: inherit; color: inherit; inline-size: 100%; padding: 8px 12px; resize: none;
  border: 1px solid var(--line); border-radius: 12px; background: var(--field); }
.leave .choice { text-align: center; }

.dots { display: inline-flex; gap: 4px; padding: 4px 2px; }
.dots i { inline-size: 7px; block-size: 7px; border-radius: 50%; background: var(--faint); animation: dots 1.2s infinite; }
.dots i:nth-child(2) { animation-delay: .15s; }
.dots i:nth-child(3) { animation-delay: .3s; }
@keyframes dots { 0%, 60%, 100% { opacity: .3; } 30% { opacity: 1; } }

.files { display: flex; flex-wrap: wrap; gap: 6px; max-inline-size: 100%; }
.mine .files { justify-content: flex-end; }
.picture { inline-size: 200px; block-size: 150px; border-radius: 12px; overflow: hidden; background: var(--bot);
  color: var(--faint); display: grid; place-items: center; box-shadow: inset 0 0 0 1px var(--line); }
.picture canvas { inline-size: 200px; block-size: 150px; display: block; }
.picture .icon { inline-size: 32px; block-size: 32px; }
.document { display: flex; align-items: center; gap: 8px; max-inline-size: 100%; min-block-size: 44px;
  padding: 8px 13px 8px 11px; border-radius: 12px; background: var(--ground); box-shadow: inset 0 0 0 1px var(--line); text-align: start; }
.document:hover { background: var(--bot); }
.name { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; min-inline-size: 0; }
.size { color: var(--faint); font-size: 12px; white-space: nowrap; }

.compose { display: flex; flex-wrap: wrap; align-items: flex-end; gap: 8px; padding: 10px 12px 12px;
  border-block-start: 1px solid var(--line); margin: 0; }
.attachments { inline-size: 100%; }
.attachments.empty { margin-block-end: -8px; }
.tray { display: flex; flex-direction: column; gap: 6px; margin: 0; padding: 0; list-style: none; max-block-size: 204px;
  overflow-y: auto; }
.tray li { display: flex; align-items: center; gap: 10px; padding: 5px 6px; border-radius: 10px; background: var(--bot); }
.tray .face { inline-size: 44px; block-size: 44px; border-radius: 7px; overflow: hidden; display: grid;
  place-items: center; background: var(--ground); color: var(--faint); flex: none; }
.tray canvas { inline-size: 44px; block-size: 44px; display: block; }
.tray .about { flex: 1; min-inline-size: 0; display: flex; flex-direction: column; font-size: 13.5px; line-height: 1.35; }
.tray .state { font-size: 12px; color: var(--faint); }
.tray .bad { box-shadow: inset 0 0 0 1px var(--bad); }
.tray .bad .state { color: var(--bad); }
.tray progress { appearance: none; inline-size: 100%; block-size: 4px; border: 0; border-radius: 2px; overflow: hidden;
  margin-block-start: 3px; background: var(--line); }
.tray progress::-webkit-progress-bar { background: var(--line); }
.tray progress::-webkit-progress-value { background: var(--link); transition: inline-size .2s; }
.tray progress::-moz-progress-bar { background: var(--link); }
.drop { position: absolute; inset: 0; margin: 0; display: none; align-items: center; justify-content: center; gap: 10px;
  background: color-mix(in srgb, var(--ground) 88%, transparent); color: var(--link); font-size: 17px; font-weight: 600;
  border: 3px dashed var(--link); border-radius: inherit; pointer-events: none; }
.dropping .drop { display: flex; }
.compose textarea { flex: 1; min-inline-size: 0; resize: none; font: inherit; color: inherit; background: var(--field);
  border: 1px solid var(--faint); border-radius: 20px; padding: 8px 15px; block-size: 40px; max-block-size: 132px; line-height: 1.5;
  margin: 0; overflow-y: auto; }
.compose textarea::placeholder { color: var(--faint); opacity: 1; }
.compose textarea:focus-visible { outline-offset: -1px; }
.compose .tray button, .compose .attach { background: none; color: var(--faint); }
.compose .tray button { inline-size: 32px; block-size: 32px; border-radius: 8px; display: grid; place-items: center;
  flex: none; }
.compose .attach { inline-size: 36px; block-size: 40px; margin-inline: -4px; border-radius: 10px; display: grid;
  place-items: center; flex: none; }
.compose .attach:hover, .compose .tray button:hover { color: var(--ink); background: var(--bot); }
.compose > [type="submit"] { inline-size: 40px; block-size: 40px; border-radius: 50%; background: var(--accent); color: var(--on-accent);
  display: grid; place-items: center; flex: none; }
.compose > [type="submit"]:disabled { background: var(--bot); color: var(--faint); }

@media (max-width: 480px), (max-height: 420px) {
  .panel, :host([data-side="left"]) .panel { inset: 0; inline-size: 100%; max-inline-size: none; block-size: 100vh;
    block-size: 100dvh; border-radius: 0; }
  .head { padding-block-start: max(12px, env(safe-area-inset-top)); }
  .compose { padding-block-end: max(12px, env(safe-area-inset-bottom)); }
  .compose textarea { font-size: 16px; }
}
@media (prefers-reduced-motion: reduce) { * { animation: none !important; } }
@media (forced-colors: active) { .bubble, .chip, .panel { border: 1px solid; } }
`;
