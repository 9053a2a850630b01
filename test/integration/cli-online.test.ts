// check --online and route --online: what a file says against the servers that are there.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { temporaryDirectory } from '../support/child.ts';
import { portsOf, slotOf } from '../support/cluster-pool.ts';
import { startMemcached } from '../support/memcached-server.ts';
import { startCluster } from '../support/redis-cluster.ts';
import { startRedis } from '../support/redis-server.ts';
import { runRingmaster } from '../support/ringmaster.ts';

function fileOf(...pools: string[]): string {
  const file = path.join(temporaryDirectory('online'), 'ringmaster.yml');
  writeFileSync(file, `pools:\n${pools.map(pool => `  ${pool}\n`).join('')}`);
  return file;
}

test('servers that are there, that are not, and that want another password', async t => {
  const [open, closed, memcached] = [
    await startRedis(),
    await startRedis({ requirepass: 'geheim' }),
    await startMemcached(),
  ];
  t.after(() => Promise.all([open, closed, memcached].map(server => server.kill())));
  const good = fileOf(
    `a: { listen: 127.0.0.1:7100, protocol: redis, hash: murmur, servers: ["127.0.0.1:${open.port}:1 one"] }`,
    `b: { listen: 127.0.0.1:7101, protocol: redis, redis_auth: geheim, servers: ["127.0.0.1:${closed.port}:1 two"] }`,
    `c: { listen: 127.0.0.1:7102, protocol: memcached, servers: ["127.0.0.1:${memcached.port}:1 three"] }`,
  );
  const fine = await runRingmaster(['check', '--online', good]);
  assert.equal(fine.code, 0, fine.stdout);
  assert.match(fine.stdout, /^ {2}a +one +redis \d+\.\d+\.\d+$/m);
  assert.match(fine.stdout, /^ {2}b +two +redis \d+\.\d+\.\d+$/m);
  assert.match(fine.stdout, /^ {2}c +three +memcached \d+\.\d+\.\d+\S*$/m);
  // Nothing is asked without the flag.
  const bad = fileOf(
    `a: { listen: 127.0.0.1:7100, protocol: redis, servers: ["127.0.0.1:1:1 gone"] }`,
    `b: { listen: 127.0.0.1:7101, protocol: redis, redis_auth: wrong, servers: ["127.0.0.1:${closed.port}:1 two"] }`,
    `c: { listen: 127.0.0.1:7102, protocol: memcached, servers: ["127.0.0.1:${open.port}:1 other"] }`,
  );
  assert.equal((await runRingmaster(['check', bad])).code, 0);
  const wrong = await runRingmaster(['check', '--online', '--json', bad]);
  assert.equal(wrong.code, 1);
  const { online } = JSON.parse(wrong.stdout) as { online: { server: string; problem: string | null }[] };
  const problem = (server: string) => String(online.find(each => each.server === server)?.problem);
  assert.match(problem('gone'), /ECONNREFUSED/);
  assert.match(problem('two'), /WRONGPASS/);
  assert.match(problem('other'), /not a memcached server/);
  assert.ok(!wrong.stdout.includes('geheim'));
});

test('clusters: their nodes, dead seeds, slots that nobody has, and nodes that are written as plain servers', async t => {
  const cluster = await startCluster({ primaries: 2, replicas: 1 });
  t.after(() => cluster.stop());
  const [first, second] = portsOf(cluster) as [number, number];
  const pool = (seeds: string) => `orders: { listen: 127.0.0.1:7100, protocol: redis, cluster: { seeds: [${seeds}] } }`;
  const fine = await runRingmaster(['check', '--online', fileOf(pool(`127.0.0.1:${first}`))]);
  assert.equal(fine.code, 0, fine.stdout);
  assert.match(fine.stdout, new RegExp(`^ {2}orders +127\\.0\\.0\\.1:${first} +redis \\S+, 8,192 slots$`, 'm'));
  // The node that was asked may not have heard yet that it is one.
  assert.match(fine.stdout, /^ {2}orders +\S+ +redis \S+, replica(, 0 slots)?$/m);

  const routed = await runRingmaster(['route', '--online', '-c', fileOf(pool(`127.0.0.1:${first}`)), 'a']);
  const owner = await cluster.ownerOf(slotOf('a'));
  assert.match(routed.stdout, new RegExp(`^a +127\\.0\\.0\\.1:${owner.server.port} .* slot ${slotOf('a')}$`, 'm'));

  const halfDead = await runRingmaster(['check', '--online', fileOf(pool(`127.0.0.1:1, 127.0.0.1:${second}`))]);
  assert.equal(halfDead.code, 1);
  assert.match(halfDead.stdout, /^ {2}orders +127\.0\.0\.1:1 +a seed; PROBLEM: .*ECONNREFUSED/m);

  const plain = fileOf(`orders: { listen: 127.0.0.1:7100, protocol: redis, servers: ["127.0.0.1:${first}:1 node"] }`);
  const misread = await runRingmaster(['check', '--online', plain]);
  assert.equal(misread.code, 1);
  assert.match(misread.stdout, /PROBLEM: it is a node of a Redis Cluster: write cluster/);

  await cluster.nodes[0]?.server.command('CLUSTER', 'DELSLOTS', 5);
  const open = await runRingmaster(['check', '--online', fileOf(pool(`127.0.0.1:${first}`))]);
  assert.equal(open.code, 1);
  assert.match(open.stdout, /PROBLEM: 1 slots have no owner/);

  const none = await runRingmaster(['route', '--online', '-c', fileOf(pool('127.0.0.1:1')), 'a']);
  assert.equal(none.code, 1);
  assert.match(none.stderr, /pool orders: nobody says who has which slots: .*ECONNREFUSED/);
});
