/** What a client is told, and what is taken where it is told nothing. */

/**
 * @param {object} options
 * @param {string} options.url of the endpoint: wss://HOST/v1/ws
 * @param {string} options.key the widget's publishable key
 * @param {string} [options.user] who the visitor is, as your site knows them
 * @param {string} [options.signature] hex HMAC-SHA256 of `user`, made by your server with the key's identity secret
 * @param {string} [options.language] such as zh-CN
 * @param {string} [options.page] where the visitor is
 * @param {string} [options.device] what the visitor has, in a few words
 * @param {string} [options.zone] the visitor's time zone, such as Asia/Shanghai
 * @param {string} [options.name] of the program, for the server's logs
 * @param {object} [options.storage] getItem, setItem, removeItem: at once as localStorage, or with promises
 * @param {Function} [options.openSocket] (url, protocols) => WebSocket
 * @param {string} [options.httpUrl] for where WebSockets are blocked; by default beside `url`, '' for none
 * @param {string} [options.filesUrl] where files are sent to and fetched from; by default beside `url`
 * @param {Function} [options.fetch] the same as the browser's, or less: see docs/WIDGET.md
 * @param {Function} [options.transfer] sends a file: see `client/files.js`; by default XMLHttpRequest, or `fetch`
 * @param {object} [options.timers] setTimeout, clearTimeout
 * @param {Function} [options.now] milliseconds
 * @param {Function} [options.random] from 0 to 1
 */
export function withDefaults(options) {
  const base = options.url.replace(/^ws/, 'http').replace(/\/ws$/, '');
  return {
    user: '',
    signature: '',
    language: '',
    page: '',
    device: '',
    zone: '',
    name: 'kefu-client.js',
    openSocket: (url, protocols) => new WebSocket(url, protocols),
    timers: { setTimeout: (f, ms) => setTimeout(f, ms), clearTimeout: (id) => clearTimeout(id) },
    now: () => Date.now(),
    random: () => Math.random(),
    httpUrl: `${base}/http`,
    filesUrl: base,
    fetch: globalThis.fetch && ((url, request) => fetch(url, request)),
    ...options,
  };
}
