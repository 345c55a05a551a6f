/** Light or dark: as the system has it, until somebody chooses. */

const KEY = 'kefu.console.theme';

export const theme = {
  restore() {
    try {
      const kept = localStorage.getItem(KEY);
      if (kept) document.documentElement.dataset.theme = kept;
    } catch {
      // storage may be forbidden
    }
  },

  toggle() {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
    root.dataset.theme = dark ? 'light' : 'dark';
    try {
      localStorage.setItem(KEY, root.dataset.theme);
    } catch {
      // storage may be forbidden
    }
  },
};
