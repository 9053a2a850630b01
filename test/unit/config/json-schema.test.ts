import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parse } from 'yaml';
import { jsonSchemaText } from '../../../src/config/json-schema.ts';
import { accepts } from '../../support/json-schema.ts';

const CONF = new URL('../../../conf/', import.meta.url);
const SCHEMA = JSON.parse(jsonSchemaText());
/** As an editor reads a file: YAML 1.2's own types. */
const isAccepted = (text: string) => accepts(SCHEMA, parse(text, { merge: false }));

test('conf/ringmaster.schema.json is what the tables of settings generate', () => {
  const text = readFileSync(new URL('ringmaster.schema.json', CONF), 'utf8');
  assert.equal(text, jsonSchemaText(), 'run: node scripts/config-reference.ts');
});

for (const file of readdirSync(CONF).filter(name => name.endsWith('.yml'))) {
  test(`the schema accepts conf/${file}, which names it`, () => {
    const text = readFileSync(new URL(file, CONF), 'utf8');
    assert.match(text, /^# yaml-language-server: \$schema=ringmaster\.schema\.json\n/);
    assert.ok(isAccepted(text));
  });
}

const POOL = 'pools:\n  p:\n    listen: h:1\n    protocol: redis\n    servers: [h:1, { address: h:2, weight: 2 }]\n';

const GOOD = [
  'timeout: 400',
  'timeout: 1.5s',
  'timeout: none',
  'hash_tag: "{}"',
  'hash_tag: 12',
  'redis_auth: 0123',
  'redis_auth: true',
  'hash: ~',
  'health_check: {}',
  'health_check: { interval: 5s }',
  'health_check: null',
  'preconnect: true',
  'client_buffer: 1MB',
];
for (const line of GOOD) {
  test(`the schema accepts ${line}`, () => assert.ok(isAccepted(`${POOL}    ${line}\n`)));
}

const BAD = [
  'timeout: soon',
  'timeout: -1',
  'hash: fnv',
  'preconnect: yes',
  'client_buffer: 1k',
  'server_connections: 0',
  'health_check: true',
  'health_check: { intervall: 5s }',
  'sever_connections: 1',
  'workers: 2',
];
for (const line of BAD) {
  test(`the schema refuses ${line} in a pool`, () => assert.ok(!isAccepted(`${POOL}    ${line}\n`)));
}

test('the schema knows the top level, what must be there, and both forms', () => {
  assert.ok(isAccepted(`workers: 3\nadmin: false\nlog: { level: debug }\n${POOL}`));
  for (const line of ['workers: 0', 'worker: 1', 'admin: true', 'log: debug', 'log: { level: loud }']) {
    assert.ok(!isAccepted(`${line}\n${POOL}`), line);
  }
  for (const key of ['listen', 'protocol', 'servers']) {
    assert.ok(!isAccepted(POOL.replace(new RegExp(`^ +${key}:.*\n`, 'm'), '')), key);
  }
  assert.ok(
    isAccepted(
      'pools:\n  p: &c\n    listen: h:1\n    protocol: redis\n    servers: [h:1]\n  q: { <<: *c, listen: h:2 }\n',
    ),
  );
  const twemproxy = 'p:\n  listen: h:1\n  redis: true\n  timeout: 400\n  servers: [h:1:1]\n';
  assert.ok(isAccepted(twemproxy));
  assert.ok(!isAccepted(`${twemproxy}  max_pipeline: 1\n`));
  assert.ok(!isAccepted(twemproxy.replace('400', '400ms')));
});
