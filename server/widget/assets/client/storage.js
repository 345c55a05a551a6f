/** What is kept beyond a reload: a storage that may answer at once, as localStorage, or with promises, as an app's. */

/** A storage for where there is none: what is in it lasts as long as the program. */
export function memoryStorage() {
  const values = new Map();
  return {
    getItem: (name) => values.get(name) ?? null,
    setItem: (name, value) => void values.set(name, String(value)),
    removeItem: (name) => void values.delete(name),
  };
}

/** The page's storage if it can be used (it may be blocked or full), else one in memory. */
export function defaultStorage() {
  try {
    const storage = globalThis.localStorage;
    storage.setItem('kefu:probe', '1');
    storage.removeItem('kefu:probe');
    return storage;
  } catch {
    return memoryStorage();
  }
}

/** Go on with a value: at once if it is there, so that a message is kept before a page that is left is gone. */
export function after(value, then) {
  return typeof value?.then === 'function' ? value.then(then) : then(value);
}

/** One value of a storage that may answer at once or later; changes are made in the order in which they are asked for. */
export class Kept {
  #storage;
  #name;
  #last;

  constructor(storage, name) {
    this.#storage = storage;
    this.#name = name;
  }

  get() {
    return after(this.#last, () => quietly(() => this.#storage.getItem(this.#name)));
  }

  set(value) {
    return this.change(() => value);
  }

  remove() {
    return this.change(() => null);
  }

  /** Read, change and write; undefined leaves it, null removes it. Other tabs write, too, so it is always read. */
  change(how) {
    this.#last = after(this.#last, () =>
      after(quietly(() => this.#storage.getItem(this.#name)), (raw) => {
        const value = how(raw);
        if (value === undefined) return undefined;
        return quietly(() =>
          value === null ? this.#storage.removeItem(this.#name) : this.#storage.setItem(this.#name, value),
        );
      }),
    );
    return this.#last;
  }
}

/** A storage that is full or forbidden costs only what a reload would have brought back. */
function quietly(work) {
  try {
    const value = work();
    return typeof value?.then === 'function' ? value.then((found) => found, () => undefined) : value;
  } catch {
    return undefined;
  }
}
