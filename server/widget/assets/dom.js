/** Making elements. Text only ever becomes text nodes: there is no way from here to HTML. */

const SVG = 'http://www.w3.org/2000/svg';

/** Make an element; a value of a property that starts with "on" is a listener, undefined and false leave it out. */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === false || value === null) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.filter((child) => child !== undefined && child !== null && child !== false));
  return element;
}

const PATHS = {
  chat: 'M4 5.5A2.5 2.5 0 0 1 6.5 3h11A2.5 2.5 0 0 1 20 5.5v8a2.5 2.5 0 0 1-2.5 2.5H11l-4.6 4.1a.8.8 0 0 1-1.4-.6V16A2.5 2.5 0 0 1 4 13.500z',
  close: 'M6 6l12 12M18 6L6 18',
  send: 'M4.500 12h14M12.500 5.500L19 12l-6.500 6.500',
  person: 'M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.500 20.500c.6-3.700 3.600-6 7.500-6s6.900 2.300 7.500 6',
  up: 'M7 10.500v9H4v-9zM7 10.500l4-7c1.700 0 2.500 1.200 2.200 2.800L12.600 9.500h5.600c1.300 0 2.200 1.100 1.900 2.400l-1.400 6c-.2 1-1.100 1.600-2.100 1.600H7',
  book: 'M5 4.500h9a3 3 0 0 1 3 3v12H8a3 3 0 0 1-3-3zM17 19.500h2v-12M8.500 8.500h5M8.500 12h5',
  clock: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 7v5.300l3.300 2',
  tick: 'M5 12.500l4.500 4.500L19 7.500',
  ticks: 'M1.500 12.500L6 17l9.500-9.500M11.500 16l1 1L22 7.500',
  clip: 'M19.500 11.500l-7.700 7.700a4.600 4.600 0 0 1-6.500-6.500l8-8a3.100 3.100 0 0 1 4.400 4.400l-7.900 7.900a1.500 1.500 0 0 1-2.200-2.200l7.200-7.200',
  picture: 'M5.500 4.500h13a1.500 1.500 0 0 1 1.500 1.500v12a1.500 1.500 0 0 1-1.500 1.500h-13A1.500 1.500 0 0 1 4 18V6a1.500 1.500 0 0 1 1.500-1.500zM4 16.500l4.500-4.500 4 4 3-3 4.500 4.500M15 9.500h.1',
  file: 'M13.500 3.500H7A1.500 1.500 0 0 0 5.500 5v14A1.500 1.500 0 0 0 7 20.500h10a1.500 1.500 0 0 0 1.500-1.500V8.500zM13.500 3.500v5h5M9 13h6M9 16.500h6',
  star: 'M12 3.500l2.600 5.400 5.900.8-4.300 4.100 1 5.900-5.200-2.800-5.200 2.800 1-5.900-4.300-4.100 5.900-.8z',
  alert: 'M12 8v5M12 16.200v.1M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z',
};

/** A small picture of lines; what it means must stand beside it in words. */
export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('aria-hidden', 'true');
  svg.setAttribute('class', `icon icon-${name}`);
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', PATHS[name === 'down' ? 'up' : name]);
  svg.append(path);
  return svg;
}

/** Let styles apply within a shadow root without an inline style, which many pages forbid. */
export function adopt(root, css, nonce) {
  if ('adoptedStyleSheets' in root && typeof CSSStyleSheet.prototype.replaceSync === 'function') {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
  } else {
    const style = h('style', { nonce });
    style.textContent = css;
    root.append(style);
  }
}
