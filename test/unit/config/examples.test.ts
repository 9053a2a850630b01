import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { loadConfig, parseConfig } from '../../../src/config/load.ts';
import { configWarnings } from '../../../src/config/warnings.ts';

const CONF = new URL('../../../conf/', import.meta.url);

for (const file of readdirSync(CONF).filter(name => name.endsWith('.yml'))) {
  test(`conf/${file} loads without a warning`, () => {
    const config = loadConfig(new URL(file, CONF).pathname);
    assert.equal(config.form, file === 'nutcracker.yml' ? 'twemproxy' : 'native');
    assert.deepEqual(configWarnings(config), []);
  });
}

test('every YAML file in docs/config.md loads', () => {
  const document = readFileSync(new URL('../docs/config.md', CONF), 'utf8');
  const blocks = [...document.matchAll(/^( *)```yaml\n([\s\S]*?)^\1```$/gm)];
  assert.equal(blocks.length, 2);
  for (const [, indent, block] of blocks) {
    const text = block!.replaceAll(new RegExp(`^${indent}`, 'gm'), '');
    assert.equal(parseConfig(text, 'docs/config.md').form, 'native');
  }
});
