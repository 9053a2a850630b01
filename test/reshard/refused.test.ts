// `ringmaster reshard` started in the wrong way: it says why, and nothing has changed.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { askAdmin } from '../support/admin-client.ts';
import { freePort } from '../support/free-port.ts';
import { startRedis } from '../support/redis-server.ts';
import { ReshardPool } from '../support/reshard-pool.ts';

test('a reshard that is started in the wrong way is refused with the reason', async t => {
  const pool = await ReshardPool.start(t, { servers: [{}, {}, {}], first: 2, proxies: 2 });
  const client = await pool.client();
  for (let i = 0; i < 200; i++) await client.command('SET', `key:${i}`, 'v'.repeat(2000));
  const before = await pool.keys();
  const good = pool.config([0, 1, 2]);
  const [third] = pool.servers.slice(2);

  const refuses = (what: string, why: RegExp, file: string, more: object = {}) =>
    t.test(what, async () => {
      assert.match(await pool.reshardRefused('start', { file, ...more }), why);
      assert.deepEqual(await pool.keys(), before);
      assert.equal((await pool.status()).isActive, false);
    });

  await refuses('the same ring', /the same ring for every pool/, pool.config([0, 1]));
  await refuses(
    'a file that changes two pools',
    /more than the ring of red: pool blue is new/,
    `${good}  blue: { listen: "127.0.0.1:0", protocol: redis, servers: [h:1] }\n`,
  );
  await refuses(
    'a file that changes more',
    /more than the ring of red: pool red: timeout/,
    good.replace('hash:', 'timeout: 1s\n    hash:'),
  );
  await refuses('a file that is none', /cannot be used/, 'pools: {}');
  await refuses(
    'a server that is not there',
    /127\.0\.0\.1:\d+: /,
    good.replace(`:${third!.port}:`, `:${await freePort()}:`),
  );
  await refuses('a proxy that is not there', /127\.0\.0\.1:\d+: unreachable \(ECONNREFUSED\)/, good, {
    peers: [`127.0.0.1:${await freePort()}`],
  });
  await refuses('a pace that is none', /is no size/, good, { pace: 'quickly' });

  await t.test('a server with another password', async () => {
    const locked = await startRedis({ requirepass: 'secret' });
    t.after(() => locked.kill());
    const file = good.replace(`:${third!.port}:`, `:${locked.port}:`);
    assert.match(await pool.reshardRefused('start', { file }), /NOAUTH/);
  });

  await t.test('a target without memory', async () => {
    await third!.command('CONFIG', 'SET', 'maxmemory', '1000kb');
    const file = good;
    assert.match(await pool.reshardRefused('start', { file }), /bytes left of its maxmemory, and \d+ come/);
    await third!.command('CONFIG', 'SET', 'maxmemory', '0');
  });

  await t.test('a target that is a replica', async () => {
    await third!.command('REPLICAOF', '127.0.0.1', pool.servers[0]!.port);
    assert.match(await pool.reshardRefused('start', { file: good }), /is a replica/);
    await third!.command('REPLICAOF', 'NO', 'ONE');
    await third!.command('FLUSHALL');
  });

  await t.test('a target that takes no writes', async () => {
    await third!.command('CONFIG', 'SET', 'min-replicas-to-write', 1);
    assert.match(await pool.reshardRefused('start', { file: good }), /cannot move a key to .*: .*NOREPLICAS/);
    await third!.command('CONFIG', 'SET', 'min-replicas-to-write', 0);
  });

  await t.test('a source that takes no writes', async () => {
    const [first] = pool.servers;
    await first!.command('CONFIG', 'SET', 'min-replicas-to-write', 1);
    assert.match(await pool.reshardRefused('start', { file: good }), /cannot move a key to .*: NOREPLICAS/);
    await first!.command('CONFIG', 'SET', 'min-replicas-to-write', 0);
  });

  await t.test('keys on servers that they do not belong to', async () => {
    await third!.command('SET', 'left over', 1);
    assert.match(await pool.reshardRefused('start', { file: good }), /1 on 127\.0\.0\.1:\d+\).*--orphans remove/);
    await third!.command('DEL', 'left over');
  });

  await t.test('two addresses of one server', async () => {
    const file = good.replace(`127.0.0.1:${third!.port}:`, `localhost:${pool.servers[0]!.port}:`);
    assert.match(await pool.reshardRefused('start', { file }), /are the same server/);
  });

  await t.test('a proxy with another ring', async () => {
    pool.proxies[1]!.writeConfig(pool.config([0], 1));
    await askAdmin(pool.adminPort(1), '/-/reload', { method: 'POST' });
    const file = good;
    assert.match(await pool.reshardRefused('start', { file, peers: pool.admins }), /its pool red has another ring/);
  });

  await t.test('when a server is out of the ring', async () => {
    const admin = pool.adminPort();
    await askAdmin(admin, '/api/v1/servers/red/s0/eject', { method: 'POST' });
    assert.match(await pool.reshardRefused('start', { file: good }), /s0 is out of the ring/);
    await askAdmin(admin, '/api/v1/servers/red/s0/readmit', { method: 'POST' });
  });

  assert.deepEqual(await pool.keys(), before);
  assert.equal(existsSync(`${pool.proxies[0]!.configFile}.reshard.json`), false);
  client.destroy();
});

test('while one goes on, another one and whatever touches its ring are refused, and the rest is not', async t => {
  const pool = await ReshardPool.start(t, { servers: [{}, {}, {}], first: 2 });
  const client = await pool.client();
  for (let i = 0; i < 100; i++) await client.command('SET', `key:${i}`, 'v'.repeat(2000));
  const file = pool.config([0, 1, 2]);
  await pool.reshard('start', { file, pace: '1kb/s' });
  await pool.until(({ phase }) => phase === 'both', 'keys that move');
  assert.match(await pool.reshardRefused('start', { file }), /is being resharded; one at a time/);

  const admin = pool.adminPort();
  const set = (settings: object) => askAdmin(admin, '/api/v1/settings', { method: 'PATCH', body: { set: settings } });
  const { status, text } = await set({ 'red.hash': 'md5' });
  assert.equal(status, 409);
  assert.match(text, /pool red is being resharded .*its ring can't change now/);
  assert.equal((await set({ 'red.timeout': '4s' })).status, 200);
  const reload = () => askAdmin(admin, '/-/reload', { method: 'POST' });
  pool.proxies[0]!.writeConfig(pool.config([0]));
  assert.match((await reload()).text, /its ring can't change now/);
  pool.proxies[0]!.writeConfig(pool.config([0, 1]).replace('shutdown_timeout: 1s', 'shutdown_timeout: 2s'));
  assert.equal((await reload()).status, 200);

  await pool.reshard('pace', { pace: '1gb/s' });
  await pool.untilOver();
  await pool.assertPlaced(
    Array.from({ length: 100 }, (_, i) => `key:${i}`),
    [0, 1, 2],
  );
  // The file has changed meanwhile: it keeps that, and gets the ring.
  assert.match(pool.fileOf(), /shutdown_timeout: 2s/);
  assert.match(pool.fileOf(), / s2/);
  assert.match(await pool.reshardRefused('abort'), /nothing is being resharded/);
  client.destroy();
});
