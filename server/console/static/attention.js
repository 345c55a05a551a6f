/** How the console calls for attention: a sound, a notification, a number in the title. */

const HEARD_MS = 5_000; // in which all tabs have heard of it
const KEY = 'kefu.console.sound';
let sounds;

/** Whether sounds are on. */
export function soundOn() {
  try {
    return localStorage.getItem(KEY) !== 'off';
  } catch {
    return true;
  }
}

/** Turn sounds on or off. */
export function setSound(on) {
  try {
    localStorage.setItem(KEY, on ? 'on' : 'off');
  } catch {
    // storage may be forbidden
  }
}

/**
 * Two soft tones, in one of the browser's tabs. Browsers play them once somebody has used the page, so that a tab in which
 * nobody did anything leaves it to the others.
 */
export function ring(conversation) {
  if (!soundOn() || navigator.userActivation?.hasBeenActive === false) return;
  if (!navigator.locks) return play(); // without HTTPS; then each tab rings
  navigator.locks.request(`kefu.console.ring.${conversation}`, { ifAvailable: true }, (mine) => {
    if (!mine) return undefined; // another tab rings
    play();
    return new Promise((done) => setTimeout(done, HEARD_MS));
  });
}

function play() {
  sounds ??= new AudioContext();
  if (sounds.state === 'suspended') sounds.resume();
  [660, 880].forEach((pitch, at) => tone(pitch, sounds.currentTime + at * 0.18));
}

function tone(pitch, at) {
  const source = sounds.createOscillator();
  const volume = sounds.createGain();
  source.frequency.value = pitch;
  volume.gain.setValueAtTime(0, at);
  volume.gain.linearRampToValueAtTime(0.12, at + 0.02);
  volume.gain.exponentialRampToValueAtTime(0.001, at + 0.35);
  source.connect(volume).connect(sounds.destination);
  source.start(at);
  source.stop(at + 0.4);
}

/** Tell somebody who looks elsewhere. */
export function notify(title, body, onClick) {
  if (!document.hidden || typeof Notification === 'undefined' || Notification.permission !== 'granted') return;
  const shown = new Notification(title, { body: body.slice(0, 120), tag: 'kefu' });
  shown.onclick = () => {
    window.focus();
    onClick();
    shown.close();
  };
}

/** Show in the title how many wait. */
export function badge(count, name) {
  document.title = count ? `(${count}) ${name}` : name;
}
