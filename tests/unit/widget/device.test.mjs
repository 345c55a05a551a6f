// What the widget tells of a device; test_widget_scripts.py runs this with Node's own runner.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { deviceOf, zoneOf } from '../../../server/widget/assets/device.js';

const WEBKIT = 'AppleWebKit/605.1.15 (KHTML, like Gecko)';
const BLINK = 'AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0';
const DEVICES = [
  [`Mozilla/5.0 (Linux; Android 14; Pixel 8) ${BLINK} Mobile Safari/537.36`, 'Chrome on Android'],
  [`Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${BLINK} Safari/537.36 Edg/131.0.0.0`, 'Edge on Windows'],
  [`Mozilla/5.0 (Linux; Android 14; SM-S918B) ${BLINK} Mobile Safari/537.36 SamsungBrowser/25.0`, 'Samsung Internet on Android'],
  [`Mozilla/5.0 (Linux; Android 13; V2183A) ${BLINK} MMWEBID/1 MicroMessenger/8.0.47`, 'WeChat on Android'],
  [`Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) ${WEBKIT} Version/18.1 Mobile/15E148 Safari/604.1`, 'Safari on iPhone'],
  [`Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) ${WEBKIT} CriOS/131.0 Mobile/15E148 Safari/604.1`, 'Chrome on iPhone'],
  [`Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) ${WEBKIT} Version/18.1 Safari/605.1.15`, 'Safari on macOS'],
  ['Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0', 'Firefox on Linux'],
  [`Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) ${BLINK} Safari/537.36`, 'Chrome on ChromeOS'],
];

for (const [userAgent, words] of DEVICES) {
  test(`${words} is told from what browsers send`, () => assert.equal(deviceOf({ userAgent }), words));
}

test('an iPad that calls itself a Mac is known by its touch screen', () => {
  const userAgent = `Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) ${WEBKIT} Version/18.1 Safari/605.1.15`;
  assert.equal(deviceOf({ userAgent, maxTouchPoints: 5 }), 'Safari on iPad');
});

test('of a browser that nobody knows nothing is told, and no model or version of any', () => {
  assert.equal(deviceOf({ userAgent: 'Fridge 3000' }), '');
  assert.equal(deviceOf({}), '');
  for (const [userAgent] of DEVICES) assert.doesNotMatch(deviceOf({ userAgent }), /\d/);
});

test('the time zone is the one that the device is set to', () => {
  assert.equal(zoneOf(), Intl.DateTimeFormat().resolvedOptions().timeZone);
});
