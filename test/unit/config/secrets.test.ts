import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import type { Config } from '../../../src/config/config.ts';
import { loadConfig, parseConfig } from '../../../src/config/load.ts';
import { redactConfig } from '../../../src/config/redact.ts';
import { RereadConfig } from '../../../src/config/reread-config.ts';
import { serverCredentials } from '../../../src/config/server-credentials.ts';
import { configWarnings } from '../../../src/config/warnings.ts';
import { temporaryDirectory } from '../../support/child.ts';
import { configProblems } from '../../support/config-problems.ts';

const DIRECTORY = temporaryDirectory('secrets');
const FILE = path.join(DIRECTORY, 'ringmaster.yml');

function secret(name: string, text: string | Buffer, mode = 0o600): string {
  const file = path.join(DIRECTORY, name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, text);
  chmodSync(file, mode);
  return file;
}

/** A file with one pool that has these lines. */
function withPool(lines: readonly string[], protocol = 'redis', server = '"h:1"'): string {
  const settings = lines.map(line => `    ${line}\n`).join('');
  return `pools:\n  p:\n    listen: "h:2"\n    protocol: ${protocol}\n${settings}    servers: [${server}]\n`;
}

const parsed = (lines: readonly string[], protocol?: string, server?: string): Config =>
  parseConfig(withPool(lines, protocol, server), FILE);
const problem = (lines: readonly string[], protocol?: string, server?: string): string =>
  configProblems(withPool(lines, protocol, server), FILE).join('\n');

test('a secret is what a file has, relative to the configuration file, but for one line end', () => {
  for (const [text, want] of [
    ['geheim', 'geheim'],
    ['geheim\n', 'geheim'],
    ['geheim\r\n', 'geheim'],
    ['ge heim\n\n', 'ge heim\n'],
    [' gehéim ', ' gehéim '],
  ] as const) {
    const file = secret('secrets/redis', text);
    assert.equal(parsed(['redis_auth: { file: secrets/redis }']).pools[0]?.redisAuth, want);
    assert.equal(parsed([`redis_auth: { file: ${file} }`]).pools[0]?.redisAuth, want);
  }
});

test('or what the environment has', () => {
  process.env.RINGMASTER_TEST_SECRET = 'geheim ';
  assert.equal(parsed(['redis_auth: { env: RINGMASTER_TEST_SECRET }']).pools[0]?.redisAuth, 'geheim ');
  process.env.RINGMASTER_TEST_SECRET = '';
  assert.match(problem(['redis_auth: { env: RINGMASTER_TEST_SECRET }']), /pools.p.redis_auth: is empty/);
  delete process.env.RINGMASTER_TEST_SECRET;
  assert.match(
    problem(['redis_auth: { env: RINGMASTER_TEST_SECRET }']),
    /pools.p.redis_auth: the environment has no RINGMASTER_TEST_SECRET/,
  );
});

test('every secret of the file may be somewhere else', () => {
  secret('s', 'geheim\n');
  secret('up', 'me:geheim\n');
  const config = parseConfig(
    `admin_token: { file: s }\n${withPool(
      [
        'redis_auth: { file: s }',
        'server_password: { file: s }',
        'sentinel: { addresses: ["h:3"], password: { file: s } }',
      ],
      'redis',
      '{ master: m, user: me, password: { file: s } }',
    )}`,
    FILE,
  );
  const [pool] = config.pools;
  const found = [config.adminToken, pool?.redisAuth, pool?.serverPassword, pool?.sentinel?.password];
  assert.deepEqual([...found, pool?.servers[0]?.password], Array(5).fill('geheim'));
  assert.doesNotMatch(JSON.stringify(redactConfig(config)), /geheim/);
  const cache = parsed(['memcached_auth: { file: up }'], 'memcached').pools[0]!;
  assert.deepEqual(serverCredentials(cache), { user: 'me', password: 'geheim' });
});

test('what is no secret is a problem with its place, and its text is in no message', () => {
  secret('nothing', '\n');
  secret('large', Buffer.alloc(65 * 1024, 'x'));
  secret('bytes', Buffer.from([0xff, 0xfe]));
  secret('no-colon', 'geheim');
  mkdirSync(path.join(DIRECTORY, 'directory'), { recursive: true });
  rmSync(path.join(DIRECTORY, 'fifo'), { force: true });
  execFileSync('mkfifo', [path.join(DIRECTORY, 'fifo')]);
  const of = (reference: string) => problem([`redis_auth: ${reference}`]);
  assert.match(of('{ file: missing }'), /^5:17: pools.p.redis_auth: cannot read \S+\/missing: ENOENT$/);
  assert.match(of('{ file: nothing }'), /pools.p.redis_auth: is empty/);
  assert.match(of('{ file: large }'), /larger than 64kb/);
  assert.match(of('{ file: bytes }'), /not UTF-8/);
  assert.match(of('{ file: directory }'), /no plain file/);
  assert.match(of('{ file: fifo }'), /no plain file/);
  const takes = /must be a text, \{ file: PATH \} or \{ env: NAME \}/;
  for (const reference of ['{}', '{ file: a, env: B }', '{ file: [a] }', '{ path: a }'])
    assert.match(of(reference), takes);
  const bad = problem(['memcached_auth: { file: no-colon }'], 'memcached');
  assert.match(bad, /must be user:password/);
  assert.doesNotMatch(bad, /geheim/);
  assert.match(problem(['timeout: { file: s }']), /must be a single value, not a map/);
  const twemproxy = 'p:\n  listen: h:2\n  redis: true\n  redis_auth: { file: s }\n  servers:\n   - h:1:1\n';
  assert.match(configProblems(twemproxy, FILE).join('\n'), /redis_auth: must be a single value, not a map/);
});

test('a file that anybody can read is a warning', () => {
  const file = secret('open', 'geheim', 0o644);
  const path = 'pools.p.redis_auth';
  const warnings = configWarnings(parsed(['redis_auth: { file: open }', 'hash: md5']));
  assert.deepEqual(warnings, [{ path, message: `anybody on this machine can read ${file}: chmod o-r` }]);
  chmodSync(file, 0o640);
  assert.deepEqual(configWarnings(parsed(['redis_auth: { file: open }', 'hash: md5'])), []);
});

test('a reload reads secrets anew, where the configuration file is the same', () => {
  const link = path.join(DIRECTORY, 'link');
  rmSync(link, { force: true });
  symlinkSync(secret('one', 'one'), link);
  writeFileSync(FILE, withPool(['redis_auth: { file: link }']));
  const file = new RereadConfig(FILE);
  const first = file.load();
  assert.equal(first.pools[0]?.redisAuth, 'one');
  assert.equal(file.load(), first);
  // As Kubernetes does it.
  rmSync(link);
  symlinkSync(secret('two', 'two'), link);
  assert.equal(file.load().pools[0]?.redisAuth, 'two');
  assert.equal(loadConfig(FILE).pools[0]?.redisAuth, 'two');
  rmSync(link);
  assert.throws(() => file.load(), /cannot read/);
});

test('who is told what: a server its own, else what the pool says, else what clients give', () => {
  const of = (lines: readonly string[], protocol?: string, server?: string) => {
    const pool = parsed(lines, protocol, server).pools[0]!;
    return serverCredentials(pool, pool.servers[0]);
  };
  const both = ['redis_auth: a', 'server_password: b'];
  assert.equal(of([]), null);
  assert.deepEqual(of(['redis_auth: a']), { user: null, password: 'a' });
  assert.deepEqual(of(both), { user: null, password: 'b' });
  assert.deepEqual(of([...both, 'server_user: u']), { user: 'u', password: 'b' });
  const own = '{ address: "h:1", user: v, password: c }';
  assert.deepEqual(of([...both, 'server_user: u'], 'redis', own), { user: 'v', password: 'c' });
  assert.deepEqual(of(both, 'redis', '{ address: "h:1", password: c }'), { user: null, password: 'c' });
  assert.deepEqual(of(['memcached_auth: "u:a:b"'], 'memcached'), { user: 'u', password: 'a:b' });
});

test('what can not be told is refused', () => {
  assert.match(problem(['server_user: u']), /pools.p.server_user: needs server_password/);
  assert.match(problem([], 'redis', '{ address: "h:1", user: u }'), /pools.p.servers\[0\].user: needs password/);
  assert.match(problem(['server_user: "a b"', 'server_password: p']), /without spaces and colons/);
  assert.match(problem(['server_password: p'], 'memcached'), /memcached wants server_user beside it/);
  assert.match(problem([], 'memcached', '{ address: "h:1", password: p }'), /memcached wants user beside it/);
  assert.match(problem(['server_user: u', 'server_password: "a\\nb"'], 'memcached'), /must be one line/);
});
