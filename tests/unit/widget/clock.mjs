// Time that passes only when a test says so.
export class Clock {
  now = 1_000_000;
  #next = 1;
  #due = new Map();

  setTimeout(then, ms) {
    this.#due.set(this.#next, { at: this.now + ms, then });
    return this.#next++;
  }

  clearTimeout(id) {
    this.#due.delete(id);
  }

  pass(ms) {
    const until = this.now + ms;
    for (;;) {
      const [id, first] = [...this.#due].sort((a, b) => a[1].at - b[1].at)[0] ?? [];
      if (!id || first.at > until) break;
      this.#due.delete(id);
      this.now = first.at;
      first.then();
    }
    this.now = until;
  }
}
