/** What an agent needs to know of the visitor's device, and no more: no versions, no model, nothing to tell two apart. */

const BROWSERS = [
  ['WeChat', /MicroMessenger/],
  ['Edge', /Edg(e|A|iOS)?\//],
  ['Opera', /OPR\/|Opera/],
  ['Samsung Internet', /SamsungBrowser/],
  ['Firefox', /Firefox\/|FxiOS/],
  ['Chrome', /Chrome\/|CriOS|Chromium/],
  ['Safari', /Safari\//],
];
const SYSTEMS = [
  ['HarmonyOS', /HarmonyOS|OpenHarmony/],
  ['Android', /Android/],
  ['iPhone', /iPhone|iPod/],
  ['iPad', /iPad/],
  ['Windows', /Windows/],
  ['ChromeOS', /CrOS/],
  ['macOS', /Macintosh|Mac OS X/],
  ['Linux', /Linux|X11/],
];

const first = (table, text) => table.find(([, sign]) => sign.test(text))?.[0] ?? '';

/** Give browser and system, such as "Chrome on Android"; '' for neither. iPads say they are Macs, but Macs have no touch. */
export function deviceOf({ userAgent = '', maxTouchPoints = 0 }) {
  const browser = first(BROWSERS, userAgent);
  const system = first(SYSTEMS, userAgent);
  const shown = system === 'macOS' && maxTouchPoints > 1 ? 'iPad' : system;
  return [browser, shown].filter(Boolean).join(' on ');
}

/** Give the time zone, such as "Asia/Shanghai"; '' where it is not known. */
export function zoneOf() {
  try {
    return Intl.DateTimeFormat().resolvedOptions().timeZone ?? '';
  } catch {
    return '';
  }
}
