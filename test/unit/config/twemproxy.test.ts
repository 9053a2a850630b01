import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../../src/config/load.ts';
import { configWarnings } from '../../../src/config/warnings.ts';
import { configProblems } from '../../support/config-problems.ts';

// Whether a file is accepted is compared with the real twemproxy in test/integration/config-differential.test.ts;
// here it is what an accepted one means.

const MINIMAL = 'alpha:\n  listen: 127.0.0.1:22121\n  servers:\n    - 127.0.0.1:6379:1\n';
const withLines = (...lines: string[]) => MINIMAL + lines.map(line => `  ${line}\n`).join('');

test("what twemproxy's form leaves out has its default, and there is no admin server", () => {
  const config = parseConfig(MINIMAL, 'f');
  assert.equal(config.form, 'twemproxy');
  assert.equal(config.workers, 'auto');
  assert.equal(config.admin, null);
  assert.deepEqual(config.log, { level: 'info', file: null });
  const [pool] = config.pools;
  assert.equal(pool?.protocol, 'memcached');
  assert.equal(pool?.timeoutMs, 0);
  assert.equal(pool?.backlog, 512);
  assert.equal(pool?.hash, 'fnv1a_64');
  assert.equal(pool?.distribution, 'ketama');
  assert.equal(pool?.hashTag, null);
  assert.equal(pool?.serverRetryTimeoutMs, 30_000);
  assert.equal(pool?.serverFailureLimit, 2);
  assert.equal(pool?.maxPipeline, 4096);
  assert.equal(pool?.connectTimeoutMs, 5000);
});

test('scalars are text until a key asks for more', () => {
  const [pool] = parseConfig(
    withLines('timeout: 0400', 'redis: "true"', 'redis_auth: 0123', 'redis_db: 007', 'hash_tag: 12', 'backlog: "9"'),
    'f',
  ).pools;
  assert.equal(pool?.timeoutMs, 400);
  assert.equal(pool?.protocol, 'redis');
  assert.equal(pool?.redisAuth, '0123');
  assert.equal(pool?.redisDb, 7);
  assert.equal(pool?.hashTag, '12');
  assert.equal(pool?.backlog, 9);
});

test('~ and null are passwords like any other', () => {
  for (const password of ['~', 'null', 'true', '1e3']) {
    const [pool] = parseConfig(withLines('redis: true', `redis_auth: ${password}`), 'f').pools;
    assert.equal(pool?.redisAuth, password);
  }
});

test('an IPv6 address is split at the last colon', () => {
  const [pool] = parseConfig(MINIMAL.replace('127.0.0.1:22121', '::1:22121'), 'f').pools;
  assert.deepEqual(pool?.listen, { host: '::1', port: 22121 });
});

test('a failure limit of 0 ejects at the first failure', () => {
  assert.equal(parseConfig(withLines('server_failure_limit: 0'), 'f').pools[0]?.serverFailureLimit, 1);
});

test('keys without effect are accepted and said', () => {
  const config = parseConfig(withLines('reuseport: true', 'redis_db: 3'), 'f');
  assert.equal(config.pools[0]?.redisDb, 0);
  assert.deepEqual(configWarnings(config), [
    { path: 'alpha.reuseport', message: 'accepted, and has no effect here' },
    { path: 'alpha.redis_db', message: 'accepted, and has no effect here' },
  ]);
});

test('an unreadable flag leaves the protocol open and is the only problem', () => {
  assert.deepEqual(configProblems(withLines('redis: yes', 'redis_auth: a')), [
    '5:10: alpha.redis: must be true or false, not "yes"',
  ]);
});

test('all problems of all pools are reported at once, with paths as in the file', () => {
  const text = `${withLines('hash: fnv', 'redis_auth: geheim', 'max_pipeline: 5', 'admin: x')}beta:
  listen: 127.0.0.1
  servers:
    - 127.0.0.1:6379
    - a:1:1
    - b:1:1 a:1
log: 5
`;
  assert.deepEqual(configProblems(text), [
    '5:9: alpha.hash: unknown hash "fnv"; one of: one_at_a_time, md5, crc16, crc32, crc32a, fnv1_64, fnv1a_64, fnv1_32, fnv1a_32, hsieh, murmur, jenkins',
    '6:15: alpha.redis_auth: only for Redis, and this pool speaks memcached; leave it out',
    '7:3: alpha.max_pipeline: not a key of twemproxy\'s form; put the pools under "pools:" to use "max_pipeline"',
    '8:3: alpha.admin: not a key of twemproxy\'s form; "admin" belongs to the top level of Ringmaster\'s own',
    '10:11: beta.listen: "127.0.0.1" has no port; write host:port or an absolute /path',
    '12:7: beta.servers[0]: "127.0.0.1:6379" lacks its weight; write host:port:weight [name] or /path:weight [name]',
    '14:7: beta.servers[2]: the name "a:1" is already that of beta.servers[1]; give one of them another name',
    '15:6: log: must be a pool; to set "log", put the pools under "pools:", in Ringmaster\'s own form',
  ]);
});

test('the form is told by where pools stand, not by their names', () => {
  const native = (name: string) =>
    `pools:\n  ${name}:\n    listen: 127.0.0.1:22121\n    protocol: redis\n    servers: [a:1]\n`;
  for (const name of ['listen', 'servers', 'pools']) assert.equal(parseConfig(native(name), 'f').form, 'native', name);
  for (const name of ['pools', 'log', 'workers', 'listen']) {
    assert.equal(parseConfig(MINIMAL.replace('alpha', name), 'f').form, 'twemproxy', name);
  }
});
