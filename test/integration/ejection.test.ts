// auto_eject_hosts: a server that keeps failing leaves the ring, its keys go to the others, and a probe that it answers
// brings it back.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answering, startFakeBackend } from '../support/fake-backend.ts';
import { freePort } from '../support/free-port.ts';
import { startDaemon } from '../support/pool-daemon.ts';
import type { RequestSplitter } from '../support/request-splitter.ts';
import { waitFor } from '../support/wait-for.ts';
import { ask, WIRES, type Wire } from '../support/wire.ts';

const KEYS = Array.from({ length: 40 }, (_, i) => `key${i}`);

/** Answers a probe with what the protocol expects or not, everything else right. */
function answer(wire: Wire, isWell: () => boolean) {
  return (request: Buffer): string => {
    const isProbe = /PING|version/.test(request.toString('latin1', 0, 20));
    return isProbe && !isWell()
      ? wire.protocol === 'redis'
        ? '-LOADING\r\n'
        : 'ERROR Too many open connections\r\n'
      : wire.answer(request);
  };
}

function serve(split: RequestSplitter, reply: (request: Buffer) => string, port = 0) {
  return startFakeBackend(answering(split, reply), port);
}

for (const wire of WIRES) {
  test(`${wire.protocol}: out after server_failure_limit, its keys move, back after a probe that succeeds`, async t => {
    const port = await freePort();
    const first = await serve(wire.split, wire.answer, port);
    const other = await serve(wire.split, wire.answer);
    t.after(() => other.close());
    const settings = ['auto_eject_hosts: true', 'server_failure_limit: 3', 'server_retry_timeout: 60'];
    const daemon = await startDaemon(t, { pool: { protocol: wire.protocol, servers: [port, other.port], settings } });
    const client = await daemon.client('pool');
    const askAll = async () => {
      const failed: string[] = [];
      for (const key of KEYS) {
        const reply = await ask(client, wire, key);
        if (reply !== wire.value(key)) {
          assert.match(reply, wire.error);
          failed.push(key);
        }
      }
      return failed;
    };
    assert.deepEqual(await askAll(), []);
    const isOf = (request: Buffer, key: string) => request.toString('latin1').split(/\s+/).includes(key);
    const moving = KEYS.filter(key => first.requests().some(request => isOf(request, key)));
    assert.ok(moving.length > 0 && moving.length < KEYS.length);

    await first.close();
    await waitFor(async () => (await askAll()).length === 0, { what: 'the keys to have moved' });
    const labels = { pool: 'pool', server: 'server-0' };
    await daemon.untilMetric('ringmaster_server_ejected', labels, 1);
    await daemon.untilMetric('ringmaster_pool_server_ejects_total', { pool: 'pool' }, 1);
    const ejectedAtMs = (await daemon.metric('ringmaster_server_ejected_timestamp_microseconds', labels)) / 1000;
    assert.ok(Math.abs(ejectedAtMs - Date.now()) < 60_000);
    assert.equal((await daemon.untilLogged(/^server ejected$/)).length, 1);
    assert.equal((await daemon.untilLogged(/^server ejected$/))[0]!.failures, 3);
    assert.equal(await daemon.metric('ringmaster_server_ejected', { pool: 'pool', server: 'server-1' }), 0);
    for (const key of moving) assert.ok(other.requests().some(request => isOf(request, key)));

    // It accepts connections again, but says that it is not ready.
    let isWell = false;
    const second = await serve(
      wire.split,
      answer(wire, () => isWell),
      port,
    );
    t.after(() => second.close());
    await second.untilRequests(3);
    assert.deepEqual(await askAll(), []);
    assert.equal(await daemon.metric('ringmaster_server_ejected', labels), 1, 'a connection alone does not readmit');
    assert.ok(!second.requests().some(request => KEYS.some(key => isOf(request, key))));

    isWell = true;
    await daemon.untilMetric('ringmaster_server_ejected', labels, 0);
    assert.deepEqual(await askAll(), []);
    for (const key of moving)
      assert.ok(
        second.requests().some(request => isOf(request, key)),
        `${key} is back`,
      );
    assert.equal((await daemon.untilLogged(/^server readmitted$/)).length, 1);
    client.destroy();
  });
}

test('the only server of a pool: while it is ejected every request fails at once', async t => {
  const [wire] = WIRES as readonly [Wire];
  const port = await freePort();
  const settings = ['auto_eject_hosts: true', 'server_failure_limit: 1', 'server_retry_timeout: 60'];
  const daemon = await startDaemon(t, { pool: { protocol: 'redis', servers: [port], settings } });
  const client = await daemon.client('pool');
  assert.match(await ask(client, wire, 'a'), /Connection refused/);
  await daemon.untilMetric('ringmaster_pool_forward_errors_total', { pool: 'pool' }, 1);
  for (let i = 0; i < 10; i++) assert.match(await ask(client, wire, `key${i}`), /Connection refused/);
  await daemon.untilMetric('ringmaster_pool_forward_errors_total', { pool: 'pool' }, 11);
  const server = await serve(wire.split, wire.answer, port);
  t.after(() => server.close());
  await waitFor(async () => (await ask(client, wire, 'a')) === wire.value('a'), { what: 'the server to be back' });
  client.destroy();
});

test('what goes to all servers goes to those in the ring', async t => {
  const wire = WIRES[1] as Wire;
  const other = await serve(wire.split, ask =>
    ask.toString().startsWith('version') ? 'VERSION 1.6.18\r\n' : 'OK\r\n',
  );
  t.after(() => other.close());
  const settings = ['auto_eject_hosts: true', 'server_failure_limit: 1', 'server_retry_timeout: 60s'];
  const servers = [await freePort(), other.port];
  const daemon = await startDaemon(t, { pool: { protocol: 'memcached', servers, settings } });
  const client = await daemon.client('pool');
  client.send('flush_all\r\n');
  assert.match((await client.readLine()).toString(), wire.error, 'the first time nobody knows');
  await daemon.untilMetric('ringmaster_server_ejected', { server: 'server-0' }, 1);
  client.send('flush_all\r\n');
  assert.equal((await client.readLine()).toString(), 'OK\r\n');
  client.destroy();
});
