import assert from 'node:assert/strict';
import { test } from 'node:test';
import { run } from '../support/child.ts';
import { portsOf, slotOf, startClusterPool } from '../support/cluster-pool.ts';
import { startCluster } from '../support/redis-cluster.ts';
import { waitFor } from '../support/wait-for.ts';
import { CheckedLoad } from './checked-load.ts';

test('4,000 slots are moved under a mixed load: no error, no wrong value', async t => {
  const cluster = await startCluster({ primaries: 3 });
  t.after(() => cluster.stop());
  const daemon = await startClusterPool(t, portsOf(cluster), { workers: 2 });
  const load = new CheckedLoad(daemon, { hasTransactions: true });
  const [from, to] = cluster.nodes as [(typeof cluster.nodes)[0], (typeof cluster.nodes)[0]];
  const reshard = run(
    'redis-cli',
    [
      ...['--cluster', 'reshard', `127.0.0.1:${from.server.port}`, '--cluster-from', from.id, '--cluster-to', to.id],
      ...['--cluster-slots', '4000', '--cluster-pipeline', '20', '--cluster-yes'],
    ],
    { timeoutMs: 120_000 },
  );
  const { code, stdout } = await Promise.race([reshard, load.mistake]);
  await load.end();
  assert.equal(code, 0, stdout.slice(-500));
  assert.ok(load.requests > 1000, `${load.requests} requests`);
  assert.ok((await daemon.metric('ringmaster_pool_moved_redirects_total')) > 0);
  assert.ok((await daemon.metric('ringmaster_pool_ask_redirects_total')) > 0);
});

test('a redirected request and those behind it for its key keep their order', async t => {
  const cluster = await startCluster({ primaries: 2 });
  t.after(() => cluster.stop());
  const daemon = await startClusterPool(t, portsOf(cluster));
  const client = await daemon.client('orders');
  const slot = slotOf('{k}');
  const [a, b] = cluster.nodes as [(typeof cluster.nodes)[0], (typeof cluster.nodes)[0]];
  const owner = (await cluster.ownerOf(slot)) === a ? a : b;
  const other = owner === a ? b : a;
  const push = async (count: number, from: number) => {
    const word = (text: string) => `$${text.length}\r\n${text}\r\n`;
    client.send(
      Array.from({ length: count }, (_, i) => `*3\r\n${word('RPUSH')}${word('{k}')}${word(String(from + i))}`).join(''),
    );
    for (const reply of await client.readReplies(count)) assert.match(reply.toString(), /^:\d+\r\n$/);
  };
  await push(10, 0);
  await cluster.moveSlot(slot, owner, other, () => push(50, 10));
  await push(1000, 60);
  await cluster.moveSlot(slot, other, owner, async () => {
    await push(50, 1060);
    const keys = (await other.server.command('CLUSTER', 'GETKEYSINSLOT', slot, 10)) as Buffer[];
    await other.server.command('MIGRATE', '127.0.0.1', owner.server.port, '', 0, 5000, 'KEYS', ...keys);
    // ASK for each.
    await push(1000, 1110);
  });
  await push(1000, 2110);
  const list = (await client.command('LRANGE', '{k}', 0, -1)) as Buffer[];
  assert.deepEqual(
    list.map(Number),
    Array.from({ length: 3110 }, (_, i) => i),
  );
});

test('keys of one command on two nodes wait until they are on one', async t => {
  const cluster = await startCluster({ primaries: 2 });
  t.after(() => cluster.stop());
  const daemon = await startClusterPool(t, portsOf(cluster));
  const client = await daemon.client('orders');
  const slot = slotOf('{k}');
  const owner = await cluster.ownerOf(slot);
  const other = cluster.nodes.find(node => node !== owner) as typeof owner;
  await client.command('MSET', '{k}a', 'a', '{k}b', 'b');
  let waiting: Promise<unknown> = Promise.resolve();
  await cluster.moveSlot(slot, owner, other, async () => {
    await owner.server.command('MIGRATE', '127.0.0.1', other.server.port, '{k}a', 0, 5000);
    waiting = client.command('MGET', '{k}a', '{k}b');
    await daemonHas(async () => (await daemon.metric('ringmaster_pool_requests_put_off_total')) > 0);
  });
  assert.deepEqual(await waiting, [Buffer.from('a'), Buffer.from('b')]);

  async function daemonHas(condition: () => Promise<boolean>): Promise<void> {
    await waitFor(condition, { what: 'the request to be put off' });
  }
});
