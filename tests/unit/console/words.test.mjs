// Both languages say the same things.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { span, tables } from '../../../server/console/static/words.js';

function keys(table, before = '') {
  return Object.entries(table).flatMap(([key, value]) => {
    const name = before ? `${before}.${key}` : key;
    return value && typeof value === 'object' && !Array.isArray(value) ? keys(value, name) : [`${name}:${typeof value}`];
  }).sort();
}

test('every word is there in Chinese and in English', () => {
  assert.deepEqual(keys(tables.zh), keys(tables.en));
});

test('lists have the same length in both', () => {
  assert.equal(tables.zh.weekdays.length, 7);
  assert.equal(tables.en.weekdays.length, 7);
  assert.equal(tables.zh.keys.length, tables.en.keys.length);
});

test('a time span is told in its largest unit', () => {
  assert.deepEqual([4_000, 61_000, 7_200_000, 90_000_000].map(span), ['4 秒', '1 分钟', '2 小时', '1 天']);
});
