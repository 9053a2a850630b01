// Clients that reset their connection before they are accepted: who they are is known all the same, or they are let go.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { startDaemon } from '../support/pool-daemon.ts';
import { startRedis } from '../support/redis-server.ts';
import { waitFor } from '../support/wait-for.ts';

const CLIENTS = 200;

for (const sockets of ['polled', 'net']) {
  test(`who is denied gets nothing done by resetting the connection behind a request (${sockets})`, async t => {
    const redis = await startRedis();
    t.after(() => redis.kill());
    if (sockets === 'net') {
      process.env.RINGMASTER_SOCKETS = 'net';
      t.after(() => delete process.env.RINGMASTER_SOCKETS);
    }
    const of = (...settings: string[]) => ({ protocol: 'redis' as const, servers: [redis.port], settings });
    const pools = { denied: of('deny: 127.0.0.1'), notAllowed: of('allow: [10.0.0.0/8, unix]'), open: of() };
    const daemon = await startDaemon(t, pools);
    for (const pool of ['denied', 'notAllowed']) {
      for (let i = 0; i < CLIENTS; i++) {
        const client = connect(daemon.port(pool), '127.0.0.1');
        await once(client, 'connect');
        client.write('INCR done\r\n');
        client.resetAndDestroy();
      }
      // Whoever came before it has been accepted.
      const last = await daemon.client(pool);
      await last.closed;
    }
    const client = await daemon.client('open');
    assert.equal(await client.command('SET', 'other', 1), 'OK');
    assert.equal(await client.command('EXISTS', 'done'), 0);
    client.destroy();
    if (sockets === 'net') return;
    const denied = () => daemon.metric('ringmaster_pool_clients_denied_total');
    await waitFor(async () => (await denied()) === 2 * (CLIENTS + 1), { what: 'all to be counted' });
  });
}
