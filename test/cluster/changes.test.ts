// Clusters that change in what they are made of, under load, and nodes that can't be reached from here.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { portsOf, slotOf, startClusterPool } from '../support/cluster-pool.ts';
import { type ClusterNode, startCluster } from '../support/redis-cluster.ts';
import { RespError } from '../support/resp-reader.ts';
import { waitFor } from '../support/wait-for.ts';
import { CheckedLoad } from './checked-load.ts';

test('a node is emptied, forgotten and gone, under load: no error, and nobody asks it any more', async t => {
  const cluster = await startCluster({ primaries: 3 });
  t.after(() => cluster.stop());
  const [leaver, ...others] = cluster.nodes as [ClusterNode, ClusterNode, ClusterNode];
  // Few slots, so that all of them are moved in seconds.
  const kept = 40;
  const heir = others[0] as ClusterNode;
  const first = Math.round(16_384 / 3) - kept;
  for (const { server } of cluster.nodes) {
    await server.command('CLUSTER', 'DELSLOTSRANGE', 0, first - 1).catch(() => {});
  }
  await heir.server.command('CLUSTER', 'ADDSLOTSRANGE', 0, first - 1);
  await heir.server.command('CLUSTER', 'BUMPEPOCH');
  await cluster.untilOwner(0, heir);
  const daemon = await startClusterPool(t, portsOf(cluster), { workers: 2, cluster: ['refresh_interval: 1s'] });
  const load = new CheckedLoad(daemon, { clients: 20 });
  for (let slot = first; slot < first + kept; slot++) {
    await Promise.race([cluster.moveSlot(slot, leaver, heir), load.mistake]);
  }
  // Each client asks for each of its keys within some 100 requests. A node that is reset says of no slot any more where it has gone:
  // what another follows is not put off there.
  const known = load.requests + 20 * 500;
  await Promise.race([waitFor(() => load.requests > known, { what: 'all keys to be asked for' }), load.mistake]);
  for (const { server } of others) assert.equal(await server.command('CLUSTER', 'FORGET', leaver.id), 'OK');
  await leaver.server.command('CLUSTER', 'RESET', 'HARD');
  await waitFor(async () => !(await daemon.page('/api/v1/topology')).body.includes(`:${leaver.server.port}"`), {
    what: 'the node to be left out',
    timeoutMs: 20_000,
  });
  await leaver.server.kill();
  const wanted = load.requests + 2000;
  await Promise.race([waitFor(() => load.requests > wanted, { what: 'the load', timeoutMs: 30_000 }), load.mistake]);
  await load.end();
});

/** A way to a port that can be cut, and mended. */
class Relay {
  port = 0;
  /** Where it leads. */
  target = 0;
  private isCut = false;
  private readonly sockets = new Set<Socket>();

  static async to(t: TestContext, target: number): Promise<Relay> {
    const relay = new Relay();
    relay.target = target;
    const server = createServer(socket => {
      if (relay.isCut) {
        // Nothing comes back, as from behind a firewall.
        relay.keep(socket);
        return;
      }
      const out = connect(relay.target, '127.0.0.1');
      relay.keep(socket);
      relay.keep(out);
      socket.pipe(out).pipe(socket);
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    relay.port = (server.address() as AddressInfo).port;
    t.after(() => {
      for (const socket of relay.sockets) socket.destroy();
      server.close();
    });
    return relay;
  }

  cut(): void {
    this.isCut = true;
    for (const socket of this.sockets) socket.unpipe().pause();
  }

  mend(): void {
    this.isCut = false;
    for (const socket of this.sockets) socket.destroy();
  }

  private keep(socket: Socket): void {
    this.sockets.add(socket);
    socket.on('error', () => {}).on('close', () => this.sockets.delete(socket));
  }
}

test('a node that can not be reached from here costs its own slots only, and is back when the way is', async t => {
  const cluster = await startCluster({ primaries: 3 });
  t.after(() => cluster.stop());
  const relays = await Promise.all(cluster.nodes.map(({ server }) => Relay.to(t, server.port)));
  const map = cluster.nodes.map(({ server }, i) => `127.0.0.1:${server.port}=127.0.0.1:${relays[i]?.port}`);
  const daemon = await startClusterPool(
    t,
    relays.map(({ port }) => port),
    { settings: ['timeout: 500ms'], cluster: [`address_map: [${map.join(', ')}]`, 'refresh_min: 200ms'] },
  );
  const client = await daemon.client('orders', { timeoutMs: 30_000 });
  const keys = Array.from({ length: 60 }, (_, i) => `key:${i}`);
  for (const key of keys) assert.equal(await client.command('SET', key, 1), 'OK');
  const owners = await Promise.all(keys.map(key => cluster.ownerOf(slotOf(key))));
  const [far] = cluster.nodes as [ClusterNode];
  relays[0]?.cut();
  for (const [i, key] of keys.entries()) {
    if (owners[i] === far) continue;
    assert.deepEqual(await client.command('GET', key), Buffer.from('1'), key);
  }
  const lost = keys[owners.indexOf(far)] as string;
  assert.ok((await client.command('GET', lost)) instanceof RespError);
  relays[0]?.mend();
  await waitFor(async () => Buffer.isBuffer(await client.command('GET', lost)), { what: 'the node to be back' });
});

test('all nodes are started again on new ports, behind the seeds that are known', async t => {
  const cluster = await startCluster({ primaries: 3 });
  t.after(() => cluster.stop());
  // The names behind which the nodes are stay: seeds lead to wherever they are by now.
  const seed = await Relay.to(t, cluster.nodes[0]!.server.port);
  const daemon = await startClusterPool(t, [seed.port, ...portsOf(cluster)], {
    settings: ['timeout: 5s'],
    cluster: ['refresh_min: 200ms', 'refresh_interval: 1s'],
  });
  const client = await daemon.client('orders', { timeoutMs: 60_000 });
  for (let i = 0; i < 20; i++) assert.equal(await client.command('SET', `key:${i}`, i), 'OK');
  await cluster.moveToNewPorts();
  const [{ server }] = cluster.nodes as [ClusterNode];
  seed.target = server.port;
  const isServed = async (key: string) => Buffer.isBuffer(await client.command('GET', key));
  for (const key of ['key:0', 'key:1', 'key:2', 'key:3', 'key:4']) {
    await waitFor(() => isServed(key), { what: `${key} to be found`, timeoutMs: 30_000 });
  }
  const { body } = await daemon.page('/api/v1/topology');
  for (const port of portsOf(cluster)) assert.ok(body.includes(`"127.0.0.1:${port}"`), body);
});
