import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { ScriptMemory } from '../../../../../src/protocol/redis/scripts/script-memory.ts';

const sha1 = (text: string): string => createHash('sha1').update(text).digest('hex');

function memory(limitBytes: number) {
  const scripts = new ScriptMemory();
  scripts.setLimit(limitBytes);
  const remember = (text: string) => {
    const bytes = Buffer.from(`<${text}>`);
    scripts.remember(bytes, 1, bytes.length - 1);
    bytes.fill('!');
  };
  const find = (digest: string) => {
    const bytes = Buffer.from(`<${digest}>`);
    // SCRIPT LOAD, and the text.
    return (
      scripts
        .find(bytes, 1, bytes.length - 1)
        ?.request.toString()
        .split('\r\n')[6] ?? null
    );
  };
  return { scripts, remember, find };
}

test('a script is found by its digest, in letters of any case', () => {
  const { remember, find } = memory(100_000);
  remember('return 1');
  assert.equal(find(sha1('return 1')), 'return 1');
  assert.equal(find(sha1('return 1').toUpperCase()), 'return 1');
  for (const digest of ['', 'x', sha1('return 2'), `${sha1('return 1')}0`]) assert.equal(find(digest), null);
});

test('those that were used last are kept, up to the limit', () => {
  const { scripts, remember, find } = memory(3200);
  const texts = Array.from({ length: 9 }, (_, i) => `return ${i}`);
  for (const text of texts) {
    remember(text);
    assert.equal(find(sha1('return 0')), 'return 0');
    assert.ok(scripts.memoryBytes <= 3200);
  }
  for (const text of texts) remember(text);
  assert.equal(find(sha1('return 1')), 'return 1');
  remember('return 9');
  remember('return 10');
  assert.equal(find(sha1('return 2')), null);
  remember('x'.repeat(600));
  assert.equal(find(sha1('x'.repeat(600))), null);
  scripts.setLimit(0);
  assert.equal(scripts.memoryBytes, 0);
  assert.equal(find(sha1('return 10')), null);
});
