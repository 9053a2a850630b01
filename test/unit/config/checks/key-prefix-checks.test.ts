import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configProblems } from '../../../support/config-problems.ts';

const pools = (first: string, second: string, secondServer = 'h:1') => `admin: false
pools:
  a: { listen: '127.0.0.1:1', protocol: redis, ${first}, servers: ['h:1', 'h:2'] }
  b: { listen: '127.0.0.1:2', protocol: redis, ${second}, servers: ['${secondServer}'] }
`;
const prefix = (text: string) => `key_prefix: '${text}'`;

test('prefixes of pools that share a server keep them apart', () => {
  for (const second of ['b:', 'a:', 'ab', 'A:b']) {
    assert.deepEqual(configProblems(pools(prefix('a:'), prefix(second))), [], second);
  }
  assert.deepEqual(configProblems(pools(prefix('a:'), 'hash: murmur')), []);
});

test('a prefix that is the beginning of another on the same server is refused', () => {
  for (const [first, second] of [
    ['a', 'ab'],
    ['a:b:', 'a:'],
  ] as const) {
    const [problem, ...more] = configProblems(pools(prefix(first), prefix(second)));
    assert.deepEqual(more, []);
    assert.match(problem!, /^4:\d+: pools\.b\.key_prefix: ".*" and ".*" of pools\.a\.key_prefix begin alike, on h:1:/);
    assert.deepEqual(configProblems(pools(prefix(first), prefix(second), 'h:3')), []);
  }
});

test('a prefix with the first character of the hash tag is refused', () => {
  const [problem] = configProblems(pools(`${prefix('a:')}, hash_tag: '::'`, 'hash: murmur'));
  assert.match(problem!, /^3:\d+: pools\.a\.key_prefix: has the first character of hash_tag "::"/);
  assert.deepEqual(configProblems(pools(`${prefix('a:')}, hash_tag: '{}'`, 'hash: murmur')), []);
});

const users = (one: string, two: string, poolPrefix = '', more = '') => `admin: false
users:
  one: { pools: [a], nopass: false, passwords: x, ${one} }
  two: { pools: [a], passwords: y, ${two} }
pools:
  a: { listen: '127.0.0.1:1', protocol: redis, ${poolPrefix} servers: ['h:1'] }
${more}`;

test('prefixes of users of one pool keep them apart, and go behind that of the pool', () => {
  assert.deepEqual(configProblems(users(prefix('a:'), prefix('b:'))), []);
  assert.deepEqual(configProblems(users(prefix('a:'), prefix('a:'))), []);
  assert.deepEqual(configProblems(users(prefix('a:'), 'nopass: false')), []);
  assert.deepEqual(configProblems(users(prefix('a:'), prefix('b:'), "key_prefix: 'p:',")), []);
  const [problem] = configProblems(users(prefix('a:'), prefix('a:b:'), "key_prefix: 'p:',"));
  assert.match(
    problem!,
    /^4:\d+: users\.two\.key_prefix: "p:a:b:" and "p:a:" of users\.one\.key_prefix begin alike, on h:1:/,
  );
  const other = "  b: { listen: '127.0.0.1:2', protocol: redis, key_prefix: 'p', servers: ['h:1'] }\n";
  assert.equal(configProblems(users(prefix('a:'), prefix('b:'), "key_prefix: 'p:',", other)).length, 3);
});
