import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { staticFiles } from '../../../src/admin/static-files.ts';

const files = staticFiles();

test('every file of the page is sent, with its type, and nothing else of the directory above', () => {
  const own = readdirSync(new URL('../../../src/admin/page/', import.meta.url)).map(name => `/page/${name}`);
  assert.deepEqual([...files.keys()].sort(), [...own, '/page/uPlot.esm.js', '/page/uPlot.min.css'].sort());
  for (const [path, file] of files) {
    const { type, body } = file();
    assert.match(type, /^(?:text\/(?:html|javascript|css); charset=utf-8|image\/svg\+xml)$/, path);
    assert.ok(body.length > 0, path);
  }
});

test('what a file of the page loads is there', () => {
  for (const [path, file] of files) {
    const { body } = file();
    const loaded = [...body.matchAll(/(?:src|href)="(\/page\/[^"]+)"|^import .* from '([^']+)'/gm)];
    for (const [, absolute, imported] of loaded) {
      const target = new URL(absolute ?? imported!, `http://host${path}`).pathname;
      assert.ok(files.has(target), `${path} loads ${target}`);
    }
  }
});
