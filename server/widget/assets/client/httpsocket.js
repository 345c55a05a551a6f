/**
 * What looks like a WebSocket and is made of HTTP requests: the first frame opens a session whose answer is a stream
 * of server-sent events, and what is said later is posted. Where something on the way holds a stream back, or the
 * program's `fetch` gives whole answers only, they are asked for one by one. See "Over HTTP" in docs/PROTOCOL.md.
 */

const FIRST_FRAME_MS = 6_000; // for a stream to show that nobody holds it back
const LOST = 1006;

export class HttpSocket {
  #url;
  #options;
  #hello = '';
  #session = '';
  #waiting = []; // frames to be posted
  #posting = false;
  #closed = false;
  #cut = null; // ends the request whose answer is the stream

  onopen = () => {};
  onmessage = () => {};
  onclose = () => {};

  /**
   * @param {string} url of the endpoint: https://HOST/v1/http
   * @param {object} options
   * @param {Function} options.fetch
   * @param {object} options.clock setTimeout and clearTimeout
   * @param {boolean} options.whole whether to ask for answers one by one from the beginning
   * @param {Function} options.onwhole told that a stream did not come through
   */
  constructor(url, options) {
    this.#url = url;
    this.#options = options;
    Promise.resolve().then(() => this.#closed || this.onopen());
  }

  send(data) {
    if (this.#closed) throw new Error('closed');
    if (this.#hello) {
      this.#waiting.push(data);
      this.#post();
      return;
    }
    this.#hello = data;
    const receive = this.#options.whole ? this.#poll() : this.#stream();
    receive.catch(() => this.#end(LOST));
  }

  close() {
    if (this.#closed) return;
    this.#closed = true;
    this.#cut?.abort();
    const bye = JSON.stringify({ session: this.#session, bye: true });
    if (this.#session) this.#ask('send', bye, { keepalive: true }).catch(() => {}); // it would find out anyway
  }

  #end(code) {
    if (this.#closed) return;
    this.#closed = true;
    this.#cut?.abort();
    this.onclose({ code });
  }

  /** Text is a "simple" body: a browser asks no other site's leave before it posts it, and the server looks anyway. */
  #ask(what, body, more = {}) {
    const headers = { 'Content-Type': 'text/plain;charset=UTF-8' };
    const always = { method: 'POST', headers, credentials: 'omit', cache: 'no-store' };
    return this.#options.fetch(`${this.#url}/${what}`, { ...always, body, ...more });
  }

  // -- downward

  async #stream() {
    const { clock } = this.#options;
    this.#cut = typeof AbortController === 'function' ? new AbortController() : null;
    const cut = this.#cut;
    let came = false;
    let late = false;
    const timer = clock.setTimeout(() => {
      late = true;
      cut?.abort();
    }, FIRST_FRAME_MS);
    try {
      const answer = await this.#ask('stream', this.#hello, { signal: cut?.signal });
      if (!answer.ok) return this.#end(LOST);
      const reader = answer.body?.getReader?.();
      if (!reader) {
        late = true;
        throw new Error('no streams here');
      }
      const reading = new Reading((event, data) => {
        came ||= event === 'message' || event === 'close';
        if (came) clock.clearTimeout(timer);
        this.#take(event, data);
      });
      const words = new TextDecoder();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return this.#end(LOST);
        reading.take(words.decode(value, { stream: true }));
      }
    } catch (error) {
      if (!late || came || this.#closed) throw error;
      cut?.abort();
      this.#options.onwhole();
      this.#session = '';
      return await this.#poll();
    } finally {
      clock.clearTimeout(timer);
    }
  }

  async #poll() {
    const reading = new Reading((event, data) => this.#take(event, data));
    this.#cut = typeof AbortController === 'function' ? new AbortController() : null;
    for (let body = this.#hello; !this.#closed; body = JSON.stringify({ session: this.#session })) {
      const answer = await this.#ask('poll', body, { signal: this.#cut?.signal });
      if (!answer.ok) return this.#end(LOST);
      reading.take(await answer.text());
    }
    return undefined;
  }

  #take(event, data) {
    if (this.#closed) return;
    if (event === 'open') {
      this.#session = JSON.parse(data).session;
      this.#post();
    } else if (event === 'close') {
      this.#end(JSON.parse(data).code);
    } else if (event === 'message') {
      this.onmessage({ data });
    }
  }

  // -- upward: one request at a time, so that nothing overtakes what was said before it

  async #post() {
    if (this.#posting || !this.#session) return;
    this.#posting = true;
    try {
      while (this.#waiting.length && !this.#closed) {
        const frames = this.#waiting.splice(0, this.#fitting());
        const answer = await this.#ask('send', `{"session":"${this.#session}","frames":[${frames.join(',')}]}`);
        if (!answer.ok) this.#end(LOST);
      }
    } catch {
      this.#end(LOST);
    } finally {
      this.#posting = false;
    }
  }

  /** How many of those that wait go into one request: a few short ones, or one that may be long. */
  #fitting() {
    let count = 0;
    for (let size = 0; count < Math.min(16, this.#waiting.length); count += 1) {
      size += this.#waiting[count].length;
      if (size > 8_000) break;
    }
    return Math.max(1, count);
  }
}

/** Reads server-sent events (the WHATWG's format; of it `event` and `data`) from pieces of text. */
class Reading {
  #onevent;
  #rest = '';
  #event = '';
  #data = [];

  constructor(onevent) {
    this.#onevent = onevent;
  }

  take(text) {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop();
    for (const line of lines) this.#line(line.replace(/\r$/, ''));
  }

  #line(line) {
    if (line === '') {
      if (this.#data.length) this.#onevent(this.#event || 'message', this.#data.join('\n'));
      this.#event = '';
      this.#data = [];
      return;
    }
    if (line.startsWith('event: ')) this.#event = line.slice(7);
    else if (line.startsWith('data: ')) this.#data.push(line.slice(6));
  }
}
