import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../../../src/config/load.ts';
import { RingViews } from '../../../../src/master/monitoring/ring-view.ts';
import { buildRing } from '../../../../src/placement/ring.ts';

function poolOf(settings: string, servers = ['a', 'b', 'c', 'd']) {
  const lines = servers.map((name, i) => `      - 127.0.0.1:${1 + i}:${1 + i} ${name}\n`).join('');
  const config = `pools:\n  p:\n    listen: 127.0.0.1:0\n    protocol: redis\n    hash: murmur\n${settings}    servers:\n${lines}`;
  return parseConfig(config, 'f').pools[0]!;
}

const sum = (shares: readonly { readonly share: number }[]) => shares.reduce((total, { share }) => total + share, 0);

test('a ketama ring is told by shares and by slices, each of who has its middle', () => {
  const pool = poolOf('');
  const { servers, slices } = new RingViews().of(pool, () => true);
  assert.deepEqual(
    servers.map(({ server }) => server),
    ['a', 'b', 'c', 'd'],
  );
  assert.ok(Math.abs(sum(servers) - 1) < 1e-9);
  assert.equal(slices.length, 720);
  const ring = buildRing('ketama', pool.servers);
  for (const [i, owner] of slices.entries()) {
    assert.equal(owner, ring.pick(Math.floor(((i + 0.5) / 720) * 2 ** 32)), `slice ${i}`);
  }
  for (const [i, { share }] of servers.entries()) {
    const part = slices.filter(owner => owner === i).length / 720;
    assert.ok(Math.abs(share - part) < 0.05, `${share} and ${part}`);
  }
});

test('who is out has nothing, and a ring that has not changed is not made again', () => {
  const views = new RingViews();
  const pool = poolOf('');
  const before = views.of(pool, () => true);
  const after = views.of(pool, name => name !== 'd');
  assert.equal(after.servers[3]!.share, 0);
  assert.ok(!after.slices.includes(3));
  assert.ok(Math.abs(sum(after.servers) - 1) < 1e-9);
  assert.equal(
    views.of(pool, name => name !== 'd'),
    after,
  );
  assert.notEqual(before, after);
  assert.deepEqual(
    views.of(pool, () => false).servers.map(({ share }) => share),
    [0, 0, 0, 0],
  );
});

test('other distributions have shares and no slices', () => {
  const modula = new RingViews().of(poolOf('    distribution: modula\n'), () => true);
  assert.deepEqual(
    modula.servers.map(({ share }) => Math.round(share * 1000) / 1000),
    [0.1, 0.2, 0.3, 0.4],
  );
  assert.deepEqual(modula.slices, []);
  const random = new RingViews().of(poolOf('    distribution: random\n'), () => true);
  assert.equal(random.servers[0]!.share, 0.25);
  const one = new RingViews().of(poolOf('', ['a']), () => true);
  assert.deepEqual(one.servers, [{ server: 'a', share: 1 }]);
});
