/** Who wants to be told of what. */
export class Listeners {
  #all = new Map();

  /** @returns a function that ends it */
  on(name, listener) {
    const listeners = this.#all.get(name) ?? new Set();
    this.#all.set(name, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  emit(name, ...values) {
    for (const listener of this.#all.get(name) ?? []) listener(...values);
  }
}
