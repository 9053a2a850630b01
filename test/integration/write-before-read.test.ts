// Clients that write all they have to ask before they read the first reply, as blocking client libraries do with a pipeline.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { startMemcached } from '../support/memcached-server.ts';
import { startDaemon } from '../support/pool-daemon.ts';
import type { RawClient } from '../support/raw-client.ts';
import { startRedis } from '../support/redis-server.ts';
import { within } from '../support/wait-for.ts';
import { ask, WIRES } from '../support/wire.ts';

const MIB = 1 << 20;
const PIPELINE_BYTES = 64 * MIB;
/** Of memcached's longest key: requests are not much shorter than replies. */
const KEY = 'k'.repeat(249);

/** Writes without reading; resolves when the kernel has taken the last byte. */
async function writeAll(client: RawClient, bytes: Buffer): Promise<void> {
  client.pause();
  if (!client.socket.write(bytes)) await within(once(client.socket, 'drain'), { what: 'the write', timeoutMs: 60_000 });
}

for (const wire of WIRES) {
  const start = wire.protocol === 'redis' ? startRedis : startMemcached;
  const getOf = (n: number) => wire.get(`${KEY}${n % 2}`);

  test(`${wire.protocol}: who writes 64 MB of gets before reading a byte gets everything`, async t => {
    const server = await start();
    t.after(() => server.stop());
    const daemon = await startDaemon(t, { pool: { protocol: wire.protocol, servers: [server.port] } });
    const client = await daemon.client('pool');
    for (const n of [0, 1]) {
      client.send(wire.set(`${KEY}${n}`));
      await client.readLine();
    }
    const count = 2 * Math.ceil(PIPELINE_BYTES / (2 * getOf(0).length));
    await writeAll(client, Buffer.alloc(count * getOf(0).length, getOf(0) + getOf(1)));
    const pair = Buffer.from(wire.value(`${KEY}0`) + wire.value(`${KEY}1`));
    client.resume();
    const step = pair.length * 1000;
    const want = Buffer.alloc(step, pair);
    for (let left = (count / 2) * pair.length; left > 0; left -= step) {
      const size = Math.min(step, left);
      assert.ok((await client.readUntil(size)).equals(want.subarray(0, size)), `${left} bytes before the end`);
    }
    client.send(wire.ping);
    assert.match(String(await client.readLine()), wire.pong);
    assert.equal(await daemon.metric('ringmaster_pool_output_limit_closes_total'), 0);
    client.destroy();
  });

  test(`${wire.protocol}: over client_output_limit it is cut off, which is logged and counted; others don't notice`, async t => {
    const server = await start();
    t.after(() => server.stop());
    const settings = ['client_output_limit: 16mb'];
    const daemon = await startDaemon(t, { pool: { protocol: wire.protocol, servers: [server.port], settings } });
    const [client, other] = await Promise.all([daemon.client('pool'), daemon.client('pool')]);
    other.send(wire.set('a'));
    await other.readLine();
    client.send(wire.set(`${KEY}0`));
    await client.readLine();
    client.pause();
    client.send(Buffer.alloc(PIPELINE_BYTES, wire.get(`${KEY}0`)));
    const before = daemon.residentBytes();
    await daemon.untilMetric('ringmaster_pool_output_limit_closes_total', { pool: 'pool' }, 1);
    const grown = daemon.residentBytes() - before;
    assert.ok(grown < 100 * MIB, `${Math.round(grown / MIB)} MiB for a client that reads nothing`);
    const [line, ...more] = await daemon.untilLogged(/client_output_limit/);
    assert.equal(more.length, 0);
    assert.match(String(line?.msg), /goes on asking and reads nothing/);
    client.resume();
    await client.closed;
    assert.equal(await ask(other, wire, 'a'), wire.value('a'));
    other.destroy();
  });
}
