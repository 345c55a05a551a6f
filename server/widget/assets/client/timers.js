/** Timers with names: one that is set takes the place of the earlier one of its name. */
export class Timers {
  #clock;
  #ids = new Map();

  /** @param {object} clock setTimeout and clearTimeout */
  constructor(clock) {
    this.#clock = clock;
  }

  has(name) {
    return this.#ids.has(name);
  }

  set(name, ms, then) {
    this.stop(name);
    const id = this.#clock.setTimeout(() => {
      this.#ids.delete(name);
      then();
    }, ms);
    this.#ids.set(name, id);
  }

  stop(...names) {
    for (const name of names) {
      if (this.#ids.has(name)) this.#clock.clearTimeout(this.#ids.get(name));
      this.#ids.delete(name);
    }
  }
}
