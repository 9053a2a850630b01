import assert from 'node:assert/strict';
import { test } from 'node:test';
import { askAdmin } from '../support/admin-client.ts';
import { startDaemon } from '../support/pool-daemon.ts';
import { startRedis } from '../support/redis-server.ts';
import { RespError } from '../support/resp-reader.ts';
import { runRingmaster } from '../support/ringmaster.ts';
import { waitFor } from '../support/wait-for.ts';

const KEYS = Array.from({ length: 40 }, (_, i) => `key:${i}`);

test('servers are taken out of the ring and let back by hand', async t => {
  const servers = await Promise.all([startRedis(), startRedis()]);
  t.after(() => Promise.all(servers.map(server => server.kill())));
  const [a, b] = servers as [(typeof servers)[0], (typeof servers)[0]];
  const daemon = await startDaemon(
    t,
    { red: { protocol: 'redis', servers: servers.map(({ port }) => port), settings: ['timeout: none'] } },
    { workers: 2 },
  );
  const cli = (...args: string[]) => runRingmaster([...args, '-c', daemon.ringmaster.configFile]);
  const post = (path: string) => askAdmin(daemon.adminPort, path, { method: 'POST' });
  const clients = await Promise.all(Array.from({ length: 12 }, () => daemon.client('red')));
  const keysOf = async (server: typeof a) => Number(await server.command('DBSIZE'));
  const setAll = async () => {
    await Promise.all(servers.map(server => server.command('FLUSHALL')));
    for (const [i, key] of KEYS.entries())
      assert.equal(await clients[i % clients.length]!.command('SET', key, key), 'OK');
  };
  /** A verdict reaches the workers soon, not at once. */
  const until = (isSo: (keysOfA: number) => boolean, what: string) =>
    waitFor(
      async () => {
        await setAll();
        return isSo(await keysOf(a));
      },
      { what },
    );
  const untilOnlyB = () => until(keys => keys === 0, 'all keys at one server');
  const untilBoth = () => until(keys => keys > 0, 'keys at both servers');

  await t.test('ejected: its keys go to the others in all workers', async () => {
    await untilBoth();
    assert.equal((await cli('eject', 'red', 'server-0')).stdout, 'server-0 of red: ejected\n');
    await untilOnlyB();
    assert.equal(await keysOf(b), KEYS.length);
    assert.deepEqual(
      (await daemon.untilLogged(/^server ejected by hand$/)).map(({ server }) => server),
      ['server-0'],
    );
  });

  await t.test('it stays out through a restart of the workers and a reload', async () => {
    assert.equal((await post('/-/reload')).status, 200);
    assert.equal((await post('/-/restart-workers')).status, 200);
    for (const [i, client] of clients.entries()) {
      client.destroy();
      clients[i] = await daemon.client('red');
    }
    await untilOnlyB();
  });

  await t.test('the last one is not taken out unless it is forced', async () => {
    const { code, stderr } = await cli('eject', 'red', 'server-1');
    assert.equal(code, 1);
    assert.match(stderr, /server-1 is the last server of pool red in the ring/);
    assert.equal((await post('/api/v1/servers/red/server-1/eject?force=true')).status, 200);
    const client = clients[0]!;
    await waitFor(async () => (await client.command('GET', 'x')) instanceof RespError, { what: 'an empty ring' });
    assert.equal((await cli('readmit', 'red', 'server-1')).code, 0);
    await waitFor(async () => (await client.command('GET', 'x')) === null, { what: 'the server in the ring' });
  });

  await t.test('readmitted: it is in all rings again', async () => {
    assert.equal((await cli('readmit', 'red', 'server-0')).stdout, 'server-0 of red: readmitted\n');
    await untilBoth();
    assert.equal((await cli('readmit', 'red', 'server-0')).code, 1);
    assert.equal((await cli('readmit', 'red', 'nobody')).code, 1);
  });

  await t.test('drained: what is inflight is answered, nothing new comes', async () => {
    const client = await daemon.client('red');
    await setAll();
    const key = (
      await Promise.all(KEYS.map(async each => ((await a.command('EXISTS', each)) === 1 ? each : null)))
    ).find(each => each !== null)!;
    // Held back at the server until it goes on.
    await a.command('CLIENT', 'PAUSE', '30000', 'WRITE');
    client.send(`SET ${key} late\r\n`);
    await waitFor(
      async () => (await daemon.metric('ringmaster_server_inflight_requests', { server: 'server-0' })) > 0,
      {
        what: 'the request at the server',
      },
    );
    assert.equal((await cli('drain-server', 'red', 'server-0')).stdout, 'server-0 of red: draining\n');
    const other = await daemon.client('red');
    await waitFor(async () => (await other.command('SET', key, 'new')) === 'OK', {
      what: 'the key at the other server',
    });
    await a.command('CLIENT', 'UNPAUSE');
    assert.equal(String((await client.readReplies(1))[0]), '+OK\r\n');
    assert.equal((await cli('readmit', 'red', 'server-0')).code, 0);
    for (const each of [client, other]) each.destroy();
  });

  await t.test('ejected: what is inflight fails, in words that say who did it', async () => {
    const client = await daemon.client('red');
    await setAll();
    const at = await Promise.all(KEYS.map(async each => ((await a.command('EXISTS', each)) === 1 ? each : null)));
    const key = at.find(each => each !== null)!;
    await a.command('CLIENT', 'PAUSE', '30000', 'WRITE');
    client.send(`SET ${key} late\r\n`);
    await waitFor(
      async () => (await daemon.metric('ringmaster_server_inflight_requests', { server: 'server-0' })) > 0,
      { what: 'the request at the server' },
    );
    assert.equal((await cli('eject', 'red', 'server-0')).code, 0);
    assert.equal(String((await client.readReplies(1))[0]), '-ERR server ejected by an operator of the proxy\r\n');
    await daemon.untilMetric('ringmaster_server_failures_total', { server: 'server-0', reason: 'ejected_by_hand' }, 1);
    await a.command('CLIENT', 'UNPAUSE');
    assert.equal((await cli('readmit', 'red', 'server-0')).code, 0);
    client.destroy();
  });
  for (const client of clients) client.destroy();
});
