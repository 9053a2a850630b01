import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configProblems } from '../../support/config-problems.ts';

const twoPools = (first: string, second: string, top = 'admin: false') => `${top}
pools:
  a: { listen: '${first}', protocol: redis, servers: ['h:1'] }
  b: { listen: '${second}', protocol: redis, servers: ['h:1'] }
`;

const COLLIDING: readonly [string, string][] = [
  ['127.0.0.1:22121', '127.0.0.1:22121'],
  ['127.0.0.1:22121', '0.0.0.0:22121'],
  ['0.0.0.0:22121', '10.0.0.1:22121'],
  ['[::]:22121', '127.0.0.1:22121'],
  ['127.0.0.1:22121', '[::]:22121'],
  ['[::1]:22121', '[0:0:0:0:0:0:0:1]:22121'],
  ['localhost:22121', '127.0.0.1:22121'],
  ['LOCALHOST:22121', '[::1]:22121'],
  ['localhost:22121', '0.0.0.0:22121'],
  ['/run/a', '/run/a'],
  ['/run/a', '/run/a 0600'],
];
for (const [first, second] of COLLIDING) {
  test(`${first} and ${second} collide`, () => {
    const problems = configProblems(twoPools(first, second));
    assert.equal(problems.length, 1);
    assert.match(
      problems[0]!,
      /^4:16: pools\.b\.listen: .* collides with .* of pools\.a\.listen; choose another address$/,
    );
  });
}

const APART: readonly [string, string][] = [
  ['127.0.0.1:22121', '127.0.0.1:22122'],
  ['127.0.0.1:22121', '127.0.0.2:22121'],
  ['127.0.0.1:22121', '[::1]:22121'],
  ['0.0.0.0:22121', '[::1]:22121'],
  ['127.0.0.1:0', '127.0.0.1:0'],
  ['0.0.0.0:0', '127.0.0.1:0'],
  ['/run/a', '/run/b'],
  ['/run/a', '127.0.0.1:22121'],
  ['[fe80::1%eth0]:1', '[fe80::1%eth1]:1'],
];
for (const [first, second] of APART) {
  test(`${first} and ${second} go together`, () => {
    assert.deepEqual(configProblems(twoPools(first, second)), []);
  });
}

test('the admin address collides where it is given, or at the pool when it is the default', () => {
  assert.deepEqual(configProblems(twoPools('a:1', '0.0.0.0:9000', 'admin: 127.0.0.1:9000')), [
    '1:8: admin: 127.0.0.1:9000 collides with 0.0.0.0:9000 of pools.b.listen; choose another address',
  ]);
  assert.deepEqual(configProblems(twoPools('a:1', '127.0.0.1:22223', 'workers: 1')), [
    '4:16: pools.b.listen: 127.0.0.1:22223 collides with 127.0.0.1:22223 of admin; choose another address',
  ]);
});

test('cross-checks report beside errors of single keys', () => {
  const problems = configProblems(twoPools('127.0.0.1:1', '127.0.0.1:1').replace('redis', 'reddis'));
  assert.deepEqual(
    problems.map(problem => problem.split(': ')[1]),
    ['pools.a.protocol', 'pools.b.listen'],
  );
});

test('weights that overflow the ring are refused', () => {
  const servers = [1, 2, 3].map(i => `'h:${i}:2147483647'`).join(', ');
  const text = `pools:\n  a: { listen: 'h:1', protocol: redis, servers: [${servers}] }\n`;
  assert.deepEqual(configProblems(text), ['2:49: pools.a.servers: the weights add up to over 4294967295']);
});
