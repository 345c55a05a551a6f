/**
 * Files of the conversation, over HTTP beside the connection: sent with progress and again until they have arrived,
 * fetched with the visitor's token. No DOM.
 */

const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 30_000;
const LONGEST_WAIT_MS = 120_000; // that the server may ask for before we give up
const MAX_NAME_CHARS = 300;
const AT_ONCE = 2; // files on their way
const TOKEN_TRIES = 3; // a token may be renewed meanwhile

/** Why a file was not taken: `code` is the last part of the problem's type, such as 'too-large'. */
export class FileRefused extends Error {
  constructor(code, message = '') {
    super(message || code);
    this.code = code;
  }
}

export class Files {
  #options;
  #waiting = new Set(); // what ends the pauses
  #running = 0;
  #queue = []; // what lets the next ones begin

  /** Of one file; what the server says counts. */
  maxBytes = 10 * 1024 * 1024;

  /**
   * @param {object} options
   * @param {string} options.url of the API: https://HOST/v1
   * @param {Function} options.token gives the visitor's token, '' while there is none; at once or with a promise
   * @param {Function} options.fetch as the browser's
   * @param {Function} [options.transfer] sends a body: see `byRequest`
   * @param {object} options.clock setTimeout
   * @param {Function} options.random from 0 to 1
   */
  constructor(options) {
    const transfer = options.transfer ?? (globalThis.XMLHttpRequest ? byRequest : byFetch(options.fetch));
    this.#options = { ...options, transfer };
  }

  /**
   * Send a file; what the network loses is sent again, for as long as it takes.
   *
   * @param {Blob} file
   * @param {object} [how] name, `onprogress(share)` from 0 to 1, and a `signal` that gives it up
   * @returns {Promise<object>} id, name, media_type, size: `say` names them
   * @throws {FileRefused} the server does not take it
   */
  async upload(file, { name = file.name ?? '', onprogress = () => {}, signal } = {}) {
    await this.#turn();
    try {
      return await this.#sent(file, { name, onprogress, signal });
    } finally {
      this.#running -= 1;
      this.#queue.shift()?.();
    }
  }

  async #sent(file, { name, onprogress, signal }) {
    const url = `${this.#options.url}/uploads?name=${encodeURIComponent(cut(name))}`;
    let refusals = 0;
    for (let attempt = 0; ; attempt += 1) {
      if (signal?.aborted) throw new FileRefused('aborted');
      const token = await this.#options.token();
      const answer = token
        ? await this.#options.transfer({ url, token, file, onprogress, signal })
        : { status: 0 };
      if (signal?.aborted) throw new FileRefused('aborted');
      if (answer.status === 201) return JSON.parse(answer.body);
      if (answer.status === 401) refusals += 1;
      const waitMs = (answer.retryAfter ?? 0) * 1000;
      const lasting = answer.status && answer.status !== 401 && answer.status !== 429 && answer.status < 500;
      if (lasting || refusals >= TOKEN_TRIES || waitMs > LONGEST_WAIT_MS) throw refusal(answer);
      onprogress(0);
      await this.#pause(Math.max(waitMs, this.#pauseMs(attempt)), signal);
    }
  }

  /** The network is back: what waits for another try need not wait. */
  wake() {
    for (const resolve of this.#waiting) resolve();
  }

  /** Fetch a file's bytes. */
  async fetch(id) {
    const response = await this.#ask(`/files/${encodeURIComponent(id)}`);
    return response.blob();
  }

  /** Get an address of a file that needs no token, and is good for a few minutes. */
  async link(id) {
    const response = await this.#ask(`/files/${encodeURIComponent(id)}/link`, { method: 'POST' });
    const { url } = await response.json();
    return new URL(url, this.#options.url).href;
  }

  async #ask(path, request = {}) {
    const token = await this.#options.token();
    const headers = { Authorization: `Bearer ${token}` };
    const response = await this.#options.fetch(this.#options.url + path, { ...request, headers });
    if (!response.ok) throw refusal({ status: response.status, body: await response.text() });
    return response;
  }

  /** Few at a time: each arrives sooner, and the server takes no more. */
  async #turn() {
    if (this.#running >= AT_ONCE) await new Promise((resolve) => this.#queue.push(resolve));
    this.#running += 1;
  }

  #pauseMs(attempt) {
    const pause = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(attempt, 8));
    return pause * (0.5 + this.#options.random() / 2);
  }

  #pause(ms, signal) {
    let ended;
    return new Promise((resolve) => {
      this.#options.clock.setTimeout(resolve, ms);
      signal?.addEventListener('abort', resolve);
      this.#waiting.add(resolve);
      ended = resolve;
    }).finally(() => this.#waiting.delete(ended));
  }
}

/** Send by XMLHttpRequest, which tells how far it got; gives {status, body, retryAfter}, status 0 without a network. */
function byRequest({ url, token, file, onprogress, signal }) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.open('POST', url);
    request.setRequestHeader('Authorization', `Bearer ${token}`);
    request.setRequestHeader('Content-Type', 'application/octet-stream');
    request.upload.onprogress = (event) => event.lengthComputable && onprogress(event.loaded / event.total);
    request.onloadend = () =>
      resolve({
        status: request.status,
        body: request.responseText,
        retryAfter: Number(request.status && request.getResponseHeader('Retry-After')) || 0,
      });
    signal?.addEventListener('abort', () => request.abort());
    request.send(file);
  });
}

function byFetch(fetch) {
  return async ({ url, token, file, signal }) => {
    try {
      const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/octet-stream' };
      const response = await fetch(url, { method: 'POST', headers, body: file, signal });
      const retryAfter = Number(response.headers.get('Retry-After')) || 0;
      return { status: response.status, body: await response.text(), retryAfter };
    } catch {
      return { status: 0 };
    }
  };
}

function refusal({ status, body }) {
  try {
    const { type, detail } = JSON.parse(body);
    return new FileRefused(type.split(':').at(-1), detail);
  } catch {
    return new FileRefused(status === 413 ? 'too-large' : 'failed');
  }
}

/** A long name loses its middle: the ending is worth keeping. Characters are cut whole. */
function cut(name) {
  const chars = [...name];
  const half = MAX_NAME_CHARS / 2;
  return chars.length > MAX_NAME_CHARS ? [...chars.slice(0, half), ...chars.slice(-half)].join('') : name;
}
