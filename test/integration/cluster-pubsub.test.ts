// Channels of shards, which belong to slots, while their slots move.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { portsOf, slotOf, startClusterPool } from '../support/cluster-pool.ts';
import type { Daemon } from '../support/pool-daemon.ts';
import { type ClusterNode, type RedisCluster, startCluster } from '../support/redis-cluster.ts';
import { waitFor } from '../support/wait-for.ts';

const endings: (() => unknown)[] = [];
const suite = { after: (end: () => unknown) => void endings.push(end) } as never;

const message = (channel: string, text: string) =>
  `*3\r\n$8\r\nsmessage\r\n$${channel.length}\r\n${channel}\r\n$${text.length}\r\n${text}\r\n`;

describe('channels of shards', () => {
  let cluster: RedisCluster;
  let daemon: Daemon;

  before(async () => {
    cluster = await startCluster({ primaries: 2 });
    endings.push(() => cluster.stop());
    daemon = await startClusterPool(suite, portsOf(cluster));
  });
  after(async () => {
    for (const end of endings.reverse()) await end();
  });

  async function other(channel: string): Promise<{ owner: ClusterNode; next: ClusterNode }> {
    const owner = await cluster.ownerOf(slotOf(channel));
    return { owner, next: cluster.nodes.find(node => node !== owner) as ClusterNode };
  }

  async function move(channel: string): Promise<ClusterNode> {
    const { owner, next } = await other(channel);
    await cluster.moveSlot(slotOf(channel), owner, next);
    return next;
  }

  /** Somebody is subscribed there. */
  const untilHeardAt = (node: ClusterNode, channel: string) =>
    waitFor(
      async () => {
        const [, count] = (await node.server.command('PUBSUB', 'SHARDNUMSUB', channel)) as [unknown, number];
        return count === 1;
      },
      { what: `a subscription to ${channel} at the new owner` },
    );

  test('are subscribed and published to at the owner of their slot, wherever it has gone', async () => {
    const [listener, publisher] = [await daemon.client('orders'), await daemon.client('orders')];
    // Before anybody has told us that the slot has moved.
    await move('fresh');
    assert.equal(await publisher.command('SPUBLISH', 'fresh', 'nobody'), 0);
    await move('fresh');
    listener.send('SSUBSCRIBE fresh\r\n');
    assert.equal((await listener.readReply()).toString(), '*3\r\n$10\r\nssubscribe\r\n$5\r\nfresh\r\n:1\r\n');
    assert.equal(await publisher.command('SPUBLISH', 'fresh', 'one'), 1);
    assert.equal((await listener.readReply()).toString(), message('fresh', 'one'));
    listener.destroy();
    publisher.destroy();
  });

  test('stay subscribed while their slot moves, and nothing else of the connection is lost', async () => {
    const [listener, publisher] = [await daemon.client('orders'), await daemon.client('orders')];
    listener.send('SSUBSCRIBE moving\r\nSSUBSCRIBE staying\r\nSUBSCRIBE news\r\n');
    await listener.readReplies(3);
    for (const text of ['first', 'second', 'third']) {
      await untilHeardAt(await move('moving'), 'moving');
      assert.equal(await publisher.command('SPUBLISH', 'moving', text), 1);
      assert.equal((await listener.readReply()).toString(), message('moving', text));
    }
    assert.equal(await publisher.command('SPUBLISH', 'staying', 'still'), 1);
    assert.equal((await listener.readReply()).toString(), message('staying', 'still'));
    listener.send('SUNSUBSCRIBE moving\r\n');
    assert.equal((await listener.readReply()).toString(), '*3\r\n$12\r\nsunsubscribe\r\n$6\r\nmoving\r\n:1\r\n');
    const { owner } = await other('moving');
    await waitFor(
      async () => {
        const [, count] = (await owner.server.command('PUBSUB', 'SHARDNUMSUB', 'moving')) as [unknown, number];
        return count === 0;
      },
      { what: 'the subscription to end' },
    );
    listener.destroy();
    publisher.destroy();
  });
});
