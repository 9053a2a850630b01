import assert from 'node:assert/strict';
import { test } from 'node:test';
import { diffConfigs } from '../../../src/cli/config-diff.ts';
import { parseConfig } from '../../../src/config/load.ts';

const pool = (name: string, listen: string, servers: string, more = '') =>
  `${name}:\n  listen: ${listen}\n  redis: true\n${more}  servers:\n${servers.replace(/^(?=.)/gm, '    - ')}\n`;
const diff = (before: string, after: string) => diffConfigs(parseConfig(before, 'old'), parseConfig(after, 'new'));
const changes = (before: string, after: string) =>
  diff(pool('p', 'h:1', before), pool('p', 'h:1', after)).pools[0]!.servers.map(({ change, old, new: now }) => [
    change,
    old === null ? null : `${old.name} ${old.address} ${old.weight}`,
    now === null ? null : `${now.name} ${now.address} ${now.weight}`,
  ]);

test('servers are recognized by their name, then by their address', () => {
  assert.deepEqual(
    changes('a:1:1 one\nb:1:1 two\nc:1:1 three\nd:1:1 four', 'a:1:1 one\nb:1:5 two\nc:2:1 three\nd:1:1 IV'),
    [
      ['kept', 'one a:1 1', 'one a:1 1'],
      ['changed', 'two b:1 1', 'two b:1 5'],
      ['changed', 'three c:1 1', 'three c:2 1'],
      ['changed', 'four d:1 1', 'IV d:1 1'],
    ],
  );
  assert.deepEqual(changes('a:1:1 one\nb:1:1 two', 'c:1:1 three\na:1:1 one'), [
    ['added', null, 'three c:1 1'],
    ['kept', 'one a:1 1', 'one a:1 1'],
    ['removed', 'two b:1 1', null],
  ]);
});

test('names that are swapped stay with their names, because the ring does', () => {
  assert.deepEqual(changes('a:1:1 one\nb:1:1 two', 'b:1:1 one\na:1:1 two'), [
    ['changed', 'one a:1 1', 'one b:1 1'],
    ['changed', 'two b:1 1', 'two a:1 1'],
  ]);
});

test('a renamed pool is recognized by its listen address', () => {
  const { pools, poolsAdded, poolsRemoved } = diff(
    pool('old', 'h:1', 'a:1:1') + pool('gone', 'h:2', 'a:1:1'),
    pool('new', 'h:1', 'a:1:1') + pool('more', 'h:3', 'a:1:1'),
  );
  assert.deepEqual(
    pools.map(({ oldName, name, isChanged }) => [oldName, name, isChanged]),
    [['old', 'new', true]],
  );
  assert.deepEqual([poolsAdded[0]!.name, poolsRemoved[0]!.name], ['more', 'gone']);
});

test('a password is told to be another, and not told', () => {
  const { pools } = diff(
    pool('p', 'h:1', 'a:1:1', '  redis_auth: one\n'),
    pool('p', 'h:1', 'a:1:1', '  redis_auth: two\n'),
  );
  assert.deepEqual(pools[0]!.settings, [
    { key: 'redis_auth', old: '<redacted>', new: '<redacted>', applies: 'new-connections' },
  ]);
  const given = diff(pool('p', 'h:1', 'a:1:1'), pool('p', 'h:1', 'a:1:1', '  redis_auth: two\n'));
  assert.deepEqual(given.pools[0]!.settings, [
    { key: 'redis_auth', old: 'unset', new: '<redacted>', applies: 'new-connections' },
  ]);
});

test('another database is another place for every key', () => {
  const { pools } = diff(pool('p', 'h:1', 'a:1:1'), pool('p', 'h:1', 'a:1:1', '  redis_db: 3\n'));
  assert.deepEqual(pools[0]!.settings, [{ key: 'redis_db', old: '0', new: '3', applies: 'live' }]);
  assert.match(pools[0]!.notes.join(), /another database/);
});

test('values are written as a file would write them', () => {
  const native = (more: string) =>
    `pools:\n  p:\n    listen: ${more.includes('/') ? '' : 'h:1\n    '}${more}\n    protocol: redis\n    servers: [a:1]\n`;
  const settings = (before: string, after: string) =>
    diff(native(before), native(after)).pools[0]!.settings.map(({ key, old, new: now }) => `${key}: ${old} → ${now}`);
  assert.deepEqual(settings('timeout: none', 'timeout: 1.5s'), ['timeout: none → 1500ms']);
  assert.deepEqual(settings('client_buffer: 1mb', 'client_buffer: 1000kb'), ['client_buffer: 1mb → 1000kb']);
  assert.deepEqual(settings('max_request_bytes: 1gb', 'max_request_bytes: 100001'), [
    'max_request_bytes: 1gb → 100001',
  ]);
  assert.deepEqual(settings('hash_tag: "{}"', 'hash: md5'), ['hash: murmur → md5', 'hash_tag: "{}" → unset']);
  assert.deepEqual(settings('/a.sock', '/a.sock 0660'), ['listen: /a.sock → /a.sock 0660']);
});
