// A client that does not read: it costs a bounded amount of memory, holds nobody up, and is cut off at its limit.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { answering, startFakeBackend } from '../support/fake-backend.ts';
import { startDaemon } from '../support/pool-daemon.ts';
import { waitFor } from '../support/wait-for.ts';
import { ask, readOne, WIRES } from '../support/wire.ts';

const MIB = 1 << 20;

for (const wire of WIRES) {
  test(`${wire.protocol}: one that reads nothing is not read from, and the others go on`, async t => {
    const size = 100_000;
    let asked = 0;
    const server = await startFakeBackend(
      answering(wire.split, request => {
        if (request.includes('key')) asked++;
        const key = /key\d+|other/.exec(request.toString('latin1'))![0];
        return wire.value(key, key === 'other' ? 40 : size);
      }),
    );
    t.after(() => server.close());
    const settings = ['client_buffer: 256kb', 'max_pipeline: 32'];
    const daemon = await startDaemon(t, { pool: { protocol: wire.protocol, servers: [server.port], settings } });
    const [slow, other] = await Promise.all([daemon.client('pool'), daemon.client('pool')]);
    await ask(other, wire, 'other');
    const before = daemon.residentBytes();
    slow.pause();
    const count = 2000;
    slow.send(Array.from({ length: count }, (_, i) => wire.get(`key${i}`)).join(''));
    // 200 MB were asked for; the proxy stops asking when the client takes no more.
    let last = -1;
    for (let calm = 0; calm < 20; ) {
      calm = asked === last ? calm + 1 : 0;
      last = asked;
      assert.equal(await ask(other, wire, 'other'), wire.value('other'));
      await setImmediate();
    }
    assert.ok(asked > 0 && asked < count, `${asked} were asked for`);
    const grown = daemon.residentBytes() - before;
    assert.ok(grown < 100 * MIB, `${Math.round(grown / MIB)} MiB for a client that reads nothing`);
    // And it gets everything once it reads.
    slow.resume();
    for (let i = 0; i < count; i++) {
      assert.ok((await readOne(slow, wire)) === wire.value(`key${i}`, size), `reply ${i}`);
    }
    assert.equal(await daemon.metric('ringmaster_pool_output_limit_closes_total'), 0);
    slow.destroy();
    other.destroy();
  });

  test(`${wire.protocol}: one that reads nothing is cut off at client_output_limit, which is logged and counted`, async t => {
    const server = await startFakeBackend(
      answering(wire.split, request => wire.value(/big|other/.exec(request.toString('latin1'))![0], 48 * MIB)),
    );
    t.after(() => server.close());
    const settings = ['client_output_limit: 8mb'];
    const daemon = await startDaemon(t, { pool: { protocol: wire.protocol, servers: [server.port], settings } });
    const slow = await daemon.client('pool');
    slow.pause();
    slow.send(wire.get('big'));
    await daemon.untilMetric('ringmaster_pool_output_limit_closes_total', { pool: 'pool' }, 1);
    await daemon.untilMetric('ringmaster_pool_client_connections', { pool: 'pool' }, 0);
    assert.equal((await daemon.untilLogged(/client_output_limit/)).length, 1);
    slow.resume();
    await slow.closed;
    const got = slow.unread().toString('latin1');
    assert.ok(wire.value('big', 48 * MIB).startsWith(got), 'what it got was right');
    // The server connection was not harmed.
    const other = await daemon.client('pool');
    other.send(wire.ping);
    assert.match((await other.readLine()).toString(), wire.pong);
    await waitFor(async () => (await daemon.metric('ringmaster_server_inflight_requests')) === 0, {
      what: 'the rest of the reply to be read and dropped',
    });
    assert.equal(server.connections.length, 1);
    other.destroy();
  });
}
