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
  assert.match(configProblems('pools: &p\n  a: *p\n').join('\n'), /nested too deeply or too large/);
  const bomb = ['a: &a0 [x, x, x, x, x, x, x, x, x, x]'];
  for (let i = 1; i < 9; i++)
    bomb.push(
      `b${i}: &a${i} [${Array(10)
        .fill(`*a${i - 1}`)
        .join(', ')}]`,
    );
  assert.match(configProblems(`${bomb.join('\n')}\n`).join('\n'), /nested too deeply or too large/);
});
