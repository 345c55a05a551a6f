// Unit tests of the Markdown renderer over a document of a few lines; test_widget_scripts.py runs them.
import assert from 'node:assert/strict';
import { test } from 'node:test';

class Element {
  children = [];
  attributes = {};

  constructor(tag) {
    this.tag = tag;
  }

  append(...children) {
    this.children.push(...children);
  }

  setAttribute(name, value) {
    this.attributes[name] = value;
  }

  /** The tree as text: text nodes between ‹ and ›, so that markup in them cannot be taken for elements. */
  toString() {
    const inner = this.children.map((child) => (typeof child === 'string' ? child && `‹${child}›` : String(child))).join('');
    const attributes = Object.entries(this.attributes).map(([name, value]) => ` ${name}=${value}`).join('');
    return this.tag ? `<${this.tag}${attributes}>${inner}</${this.tag}>` : inner;
  }
}

globalThis.document = {
  createElement: (tag) => new Element(tag),
  createDocumentFragment: () => new Element(''),
};

const { markdown, safeAddress } = await import('../../../server/widget/assets/markdown.js');
const shown = (text) => String(markdown(text));
const LINK = 'target=_blank rel=noopener noreferrer';

const CASES = [
  ['plain', '<p>‹plain›</p>'],
  ['one\ntwo', '<p>‹one›<br></br>‹two›</p>'],
  ['one\n\ntwo', '<p>‹one›</p><p>‹two›</p>'],
  ['签收后 **30 天内**可以退', '<p>‹签收后 ›<strong>‹30 天内›</strong>‹可以退›</p>'],
  ['**a *b* c**', '<p><strong>‹a ›<em>‹b›</em>‹ c›</strong></p>'],
  ['My orders → *Edit items*.', '<p>‹My orders → ›<em>‹Edit items›</em>‹.›</p>'],
  ['snake_case_name', '<p>‹snake_case_name›</p>'],
  ['snake_case_ name', '<p>‹snake›‹_case_›‹ name›</p>'],
  ['2 * 3 * 4', '<p>‹2 * 3 * 4›</p>'],
  ['`a*b*`', '<p><code>‹a*b*›</code></p>'],
  ['\\*not\\*', '<p>‹*›‹not›‹*›</p>'],
  ['- a\n- b\n  - c', '<ul><li>‹a›</li><li>‹b›<ul><li>‹c›</li></ul></li></ul>'],
  ['2. a\n3. b', '<ol start=2><li>‹a›</li><li>‹b›</li></ol>'],
  ['Stages:\n- a\n\nend', '<p>‹Stages:›</p><ul><li>‹a›</li></ul><p>‹end›</p>'],
  ['# Title\nbody', '<p><strong>‹Title›</strong></p><p>‹body›</p>'],
  ['> quoted', '<blockquote><p>‹quoted›</p></blockquote>'],
  ['```\n<b>\n```', '<pre><code>‹<b>›</code></pre>'],
  ['|a|b|\n|-|-|\n|1|2|', '<div class=table><table><thead><tr><th>‹a›</th><th>‹b›</th></tr></thead><tbody><tr><td>‹1›</td><td>‹2›</td></tr></tbody></table></div>'],
  ['[x](https://a.example/b)', `<p><a href=https://a.example/b ${LINK}>‹x›</a></p>`],
  ['[x](tel:+4930)', `<p><a href=tel:+4930 ${LINK}>‹x›</a></p>`],
  ['见https://a.example/x。', `<p>‹见›<a href=https://a.example/x ${LINK}>‹https://a.example/x›</a>‹。›</p>`],
  ['![a picture](https://a.example/p.png)', '<p>‹a picture›</p>'],
  ['[x](javascript:alert(1))', '<p>‹[x](javascript:alert(1))›</p>'],
  ['[x](JaVaScRiPt:alert)', '<p>‹[x](JaVaScRiPt:alert)›</p>'],
  ['[x](data:text/html,hi)', '<p>‹[x](data:text/html,hi)›</p>'],
  ['[x](//a.example)', '<p>‹[x](//a.example)›</p>'],
  ['<img src=x onerror=alert(1)>', '<p>‹<img src=x onerror=alert(1)>›</p>'],
  ['<script>x</script>', '<p>‹<script>x</script>›</p>'],
];

for (const [text, tree] of CASES) {
  test(`${JSON.stringify(text)} becomes ${tree}`, () => {
    assert.equal(shown(text), tree);
  });
}

for (const address of ['javascript:1', ' javascript:1', 'java\nscript:1', 'vbscript:x', 'data:,x', 'file:///x', 'x', '']) {
  test(`an address like ${JSON.stringify(address)} is not followed`, () => {
    assert.equal(safeAddress(address), '');
  });
}

test('no text makes the renderer slow', () => {
  const hostile = ['*', '**a', '_a', '[', '![', '[a](', '`', '> ', '- ', '| ', '<http://', '  - a\n', '**a ', '*a '];
  for (const piece of hostile) {
    const began = performance.now();
    shown(piece.repeat(20_000 / piece.length));
    assert.ok(performance.now() - began < 1000, `${JSON.stringify(piece)} took ${performance.now() - began} ms`);
  }
});
