/** 22 characters from 128 random bits; where there is no good source of them, the time keeps ids of one client apart. */
export function newId() {
  const bytes = new Uint8Array(16);
  if (globalThis.crypto?.getRandomValues) {
    globalThis.crypto.getRandomValues(bytes);
  } else {
    let time = Date.now();
    for (let place = 0; place < 16; place += 1) {
      bytes[place] = place < 6 ? time % 256 : Math.random() * 256;
      time = Math.floor(time / 256);
    }
  }
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  let id = '';
  for (let bit = 0; bit < 128; bit += 6) {
    const at = bit >> 3;
    const pair = (bytes[at] << 8) | (bytes[at + 1] ?? 0);
    id += letters[(pair >> (10 - (bit & 7))) & 63];
  }
  return id;
}
