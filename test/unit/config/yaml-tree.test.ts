import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../../src/config/load.ts';
import { configProblems } from '../../support/config-problems.ts';

const COMMON = `pools:
  a: &common
    listen: 127.0.0.1:1
    protocol: redis
    timeout: &t 5s
    servers: &s [h:1]
`;

test('anchors and << share settings, and what a pool says itself wins', () => {
  const text = `${COMMON}  b:
    <<: *common
    listen: 127.0.0.1:2
    connect_timeout: *t
  c:
    <<: [{ timeout: 7s, servers: *s }, *common]
    listen: 127.0.0.1:3
`;
  const [a, b, c] = parseConfig(text, 'f').pools;
  assert.equal(b?.timeoutMs, 5000);
  assert.equal(b?.connectTimeoutMs, 5000);
  assert.deepEqual(b?.listen, { host: '127.0.0.1', port: 2 });
  assert.deepEqual(b?.servers, a?.servers);
  assert.equal(c?.timeoutMs, 7000);
  assert.equal(c?.protocol, 'redis');
});

test('what is merged must be a map', () => {
  assert.deepEqual(configProblems(`${COMMON}    <<: *t\n`), ['7:9: pools.a.<<: can only merge a map of keys']);
});

test('a key must be text', () => {
  assert.deepEqual(configProblems(`${COMMON}    ? [x]\n    : 1\n`), ['7:7: pools.a: a key must be plain text']);
});

test('a reference inside itself and references that multiply end', () => {
  assert.match(configProblems('pools: &p\n  a: *p\n').join('\n'), /nested more than 32 levels deep, or a reference/);
  const bomb = ['a: &a0 [x, x, x, x, x, x, x, x, x, x]'];
  for (let i = 1; i < 9; i++)
    bomb.push(
      `b${i}: &a${i} [${Array(10)
        .fill(`*a${i - 1}`)
        .join(', ')}]`,
    );
  assert.match(
    configProblems(`${bomb.join('\n')}\n`).join('\n'),
    /with its references \("\*name"\) written out, the file has over 1000000 values/,
  );
});

/** CPU time: looking through the document for each reference would take half an hour; what is linear takes a second. */
const GENEROUS_US = 60_000_000;

test('a file of nothing but references is read in time that grows with its size', () => {
  const before = process.threadCpuUsage();
  const list = `a: &x 1\nb: [${'*x, '.repeat(140_000)}]\n`;
  assert.match(configProblems(list)[0]!, /^1:1: a: unknown key/);
  const merges = Array.from({ length: 10_000 }, (_, i) => `  p${i}: { <<: *common, listen: 127.0.0.1:${i + 10} }\n`);
  assert.equal(parseConfig(`${COMMON}${merges.join('')}`, 'f').pools.length, 10_001);
  const { user, system } = process.threadCpuUsage(before);
  assert.ok(user + system < GENEROUS_US);
});

test('a reference is to the last anchor of that name before it', () => {
  const text = `pools:
  a: { listen: h:1, protocol: redis, servers: &s [h:1], timeout: &t 1s, connect_timeout: *t }
  b: { listen: h:2, protocol: redis, servers: *s, timeout: &t 2s, connect_timeout: *t }
`;
  assert.deepEqual(
    parseConfig(text, 'f').pools.map(pool => pool.connectTimeoutMs),
    [1000, 2000],
  );
  assert.match(configProblems(text.replace('&t 1s, connect_timeout: *t', '*t'))[0]!, /there is no such anchor/);
});

test('a key that is a text of its own is refused', () => {
  const long = 'k'.repeat(513);
  assert.deepEqual(configProblems(`${COMMON}    ${long}: 1\n`), ['7:5: pools.a: a key of 513 characters; at most 512']);
});

test('what is nested beyond all reason is said to be', () => {
  assert.match(configProblems(`a: ${'['.repeat(100_000)}`)[0]!, /: not valid YAML: nested too deeply$/);
});

test('of very many problems the first thousand are told, and how many there are', () => {
  const problems = configProblems(Array.from({ length: 3000 }, (_, i) => `key${i}: 1\n`).join(''));
  assert.equal(problems.length, 1001);
  assert.equal(problems[0]!.split(';')[0], '1:1: key0: unknown key');
  assert.match(problems[1000]!, /^and 2001 more problems$/);
});

test('a hash of a password without quotes is a comment, and that is said', () => {
  const hash = `#${'0'.repeat(64)}`;
  const users = (passwords: string) => `users:\n  u:\n    pools: [a]\n    passwords: ${passwords}\n${COMMON}`;
  assert.match(
    configProblems(users(`[${hash}]`)).join('\n'),
    /^4:17: YAML takes what begins with "#" for a comment; put/,
  );
  assert.match(configProblems(users(hash)).join('\n'), /is empty; write a list of hashes, in quotes/);
  assert.deepEqual(configProblems(users(`['${hash}']`)), []);
});
