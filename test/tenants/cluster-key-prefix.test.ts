// A key prefix in a pool that is a cluster: slots go by the name with it, and names come back without it, wherever they are by then.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { portsOf, slotOf, startClusterPool } from '../support/cluster-pool.ts';
import type { Daemon } from '../support/pool-daemon.ts';
import type { RawClient } from '../support/raw-client.ts';
import { type ClusterNode, type RedisCluster, startCluster } from '../support/redis-cluster.ts';
import { encodeCommand } from '../support/resp-reader.ts';
import { waitFor } from '../support/wait-for.ts';

const PREFIX = 'app:';
const endings: (() => unknown)[] = [];
const suite = { after: (end: () => unknown) => void endings.push(end) } as never;
const text = (value: string) => Buffer.from(value);

describe('a cluster under a key prefix', () => {
  let cluster: RedisCluster;
  let daemon: Daemon;
  let client: RawClient;
  let other: RawClient;

  before(async () => {
    cluster = await startCluster({ primaries: 2, args: ['--notify-keyspace-events', 'KEA'] });
    endings.push(() => cluster.stop());
    daemon = await startClusterPool(suite, portsOf(cluster), { settings: ['timeout: 5s', `key_prefix: '${PREFIX}'`] });
    client = await daemon.client('orders');
    other = await daemon.client('orders');
  });
  after(async () => {
    for (const each of [client, other]) each?.destroy();
    for (const end of endings.reverse()) await end();
  });

  async function listed(from: RawClient, ...words: readonly string[]): Promise<string[]> {
    return ((await from.command(...words)) as Buffer[]).map(String).sort();
  }

  /** Moves the slot of the client's key to the other node; `between` runs half-way. */
  async function move(key: string, between?: () => Promise<void>): Promise<void> {
    const slot = slotOf(PREFIX + key);
    const owner = await cluster.ownerOf(slot);
    const target = cluster.nodes.find(node => node !== owner) as ClusterNode;
    await cluster.moveSlot(slot, owner, target, between);
  }

  test('requests go to the slots of the names with the prefix, and are split by them', async () => {
    const keys = Array.from({ length: 100 }, (_, i) => `key:${i}`);
    assert.equal(await client.command('MSET', ...keys.flatMap((key, i) => [key, `v${i}`])), 'OK');
    assert.deepEqual(await client.command('MGET', 'none', ...keys), [null, ...keys.map((_, i) => text(`v${i}`))]);
    assert.deepEqual(await listed(client, 'KEYS', '*'), [...keys].sort());
    const found: string[] = [];
    for (let cursor = ''; cursor !== '0'; ) {
      const [next, names] = (await client.command('SCAN', cursor || '0', 'COUNT', '50')) as [Buffer, Buffer[]];
      found.push(...names.map(String));
      cursor = String(next);
    }
    assert.deepEqual([...new Set(found)].sort(), [...keys].sort());
    for (const { server } of cluster.nodes) {
      const names = (await server.command('KEYS', '*')) as Buffer[];
      assert.ok(names.length > 0 && names.every(name => name.toString().startsWith(PREFIX)));
    }
    assert.equal(await client.command('UNLINK', ...keys), 100);
    assert.equal(await daemon.metric('ringmaster_pool_moved_redirects_total'), 0);
  });

  test('what EXEC answers has the names of the client, on the way of one piece and of several', async () => {
    for (const watched of [false, true]) {
      await client.command('RPUSH', '{a}l', 'x', 'y');
      if (watched) assert.equal(await client.command('WATCH', '{a}l'), 'OK');
      client.send(
        Buffer.concat([
          encodeCommand('MULTI'),
          encodeCommand('LMPOP', '2', '{a}none', '{a}l', 'LEFT'),
          encodeCommand('BLPOP', '{a}l', '0'),
          encodeCommand('EXEC'),
        ]),
      );
      const replies = await client.readReplies(4);
      const run = '*2\r\n*2\r\n$4\r\n{a}l\r\n*1\r\n$1\r\nx\r\n*2\r\n$4\r\n{a}l\r\n$1\r\ny\r\n';
      assert.deepEqual(replies.map(String), ['+OK\r\n', '+QUEUED\r\n', '+QUEUED\r\n', run]);
    }
  });

  test('who waits for a key whose slot moves meanwhile is told its name', async () => {
    client.send(encodeCommand('BLPOP', '{w}l', '{w}m', '0'));
    await waitFor(async () => String(await other.command('CLIENT', 'LIST')).includes('flags=b'), { what: 'a wait' });
    await move('{w}l');
    await waitFor(async () => (await other.command('RPUSH', '{w}m', 'v')) !== 0, { what: 'the key at its node' });
    assert.equal(String(await client.readReply()), '*2\r\n$4\r\n{w}m\r\n$1\r\nv\r\n');
  });

  test('messages and key events of all nodes are heard by the names of the client', async () => {
    const listener = await daemon.client('orders');
    await listener.command('HELLO', 3);
    for (const words of [
      ['SSUBSCRIBE', 's'],
      ['PSUBSCRIBE', '__keyspace@0__:e*'],
      ['SUBSCRIBE', 'c'],
    ]) {
      await listener.command(...words);
    }
    assert.equal(await other.command('SPUBLISH', 's', 'm'), 1);
    assert.equal(String(await listener.readReply()), '>3\r\n$8\r\nsmessage\r\n$1\r\ns\r\n$1\r\nm\r\n');
    const keys = Array.from({ length: 8 }, (_, i) => `e${i}`);
    for (const key of keys) {
      const owner = await cluster.ownerOf(slotOf(`other:${key}`));
      await owner.server.command('SET', `other:${key}`, 'v');
      await other.command('SET', key, 'v');
    }
    const heard = (await listener.readReplies(keys.length)).map(String).sort();
    assert.deepEqual(
      heard,
      keys.map(
        key => `>4\r\n$8\r\npmessage\r\n$17\r\n__keyspace@0__:e*\r\n$17\r\n__keyspace@0__:${key}\r\n$3\r\nset\r\n`,
      ),
    );
    assert.equal(await other.command('PUBLISH', 'c', 'm'), 1);
    assert.equal(String(await listener.readReply()), '>3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nm\r\n');
    listener.destroy();
  });
});

test('CLUSTER KEYSLOT is of the name as the client writes it, and names with a tag share their slot on the nodes, too', async t => {
  const cluster = await startCluster({ primaries: 2 });
  t.after(() => cluster.stop());
  const settings = ['timeout: 5s', `key_prefix: '${PREFIX}'`, 'present_as: cluster'];
  const presented = await startClusterPool(t, portsOf(cluster), { settings });
  const client = await presented.client('orders');
  t.after(() => client.destroy());
  for (const name of ['k', '', '{user}.a', 'x{}y', 'app:k']) {
    assert.equal(await client.command('CLUSTER', 'KEYSLOT', name), slotOf(name), name);
  }
  assert.equal(slotOf(`${PREFIX}{user}.a`), slotOf('{user}.a'));
  assert.equal(await client.command('MSET', '{user}.a', '1', '{user}.b', '2'), 'OK');
});
