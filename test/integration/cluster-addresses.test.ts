// How nodes of a cluster are reached: by the addresses and names that they tell, by others, with passwords, in TLS.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Authority } from '../support/certificates.ts';
import { type ClusterPoolOptions, slotOf, startClusterPool } from '../support/cluster-pool.ts';
import { type FakeCluster, type FakeEndpoint, type FakeNode, startFakeCluster } from '../support/fake-cluster.ts';
import { startCluster } from '../support/redis-cluster.ts';
import { RespError } from '../support/resp-reader.ts';

const SLOT = slotOf('k');

async function startHalves(t: TestContext, host?: string): Promise<FakeCluster> {
  const cluster = await startFakeCluster(2, host);
  t.after(() => cluster.stop());
  cluster.slots = [
    [0, SLOT - 1, 0],
    [SLOT, 16_383, 1],
  ];
  return cluster;
}

/** The key is asked of the second node, which sends it to the first, where it is asked then. */
async function isReached(t: TestContext, cluster: FakeCluster, options: ClusterPoolOptions, word = ''): Promise<void> {
  const [first, second] = cluster.nodes as [FakeNode, FakeNode];
  const daemon = await startClusterPool(t, [first.port], options);
  const client = await daemon.client('orders');
  assert.equal(await client.command('SET', 'k', 1), 'OK');
  assert.deepEqual([first.asked, second.asked], [[], ['SET k 1']]);
  const { endpoint, port } = cluster.tell(first);
  second.answer = () => `-MOVED ${SLOT} ${word === '' ? (endpoint ?? '') : word}:${port}\r\n`;
  assert.equal(await client.command('SET', 'k', 2), 'OK');
  assert.deepEqual(first.asked, ['SET k 2']);
  client.destroy();
}

for (const isOld of [false, true]) {
  const by = isOld ? 'CLUSTER SLOTS' : 'CLUSTER SHARDS';
  const tells = (port: number, told: Partial<FakeEndpoint>): FakeEndpoint => ({
    ...{ endpoint: '127.0.0.1', ip: '127.0.0.1', port },
    ...told,
  });

  test(`a host name is used as it is told, ${by}`, async t => {
    const cluster = await startHalves(t);
    cluster.isOld = isOld;
    cluster.tell = ({ port }) => tells(port, { endpoint: 'localhost', hostname: 'localhost' });
    await isReached(t, cluster, {});
  });

  test(`a node that tells no endpoint is where the one that was asked is, ${by}`, async t => {
    const cluster = await startHalves(t);
    cluster.isOld = isOld;
    cluster.tell = ({ port }) => tells(port, { endpoint: null, ip: '10.255.255.1' });
    await isReached(t, cluster, {});
  });

  test(`a node that is wanted by a name that it does not have is reached at its address, ${by}`, async t => {
    const cluster = await startHalves(t);
    cluster.isOld = isOld;
    cluster.tell = ({ port }) => tells(port, { endpoint: '?' });
    await isReached(t, cluster, {}, '?');
  });

  test(`addresses of another network are mapped, with ports and without, ${by}`, async t => {
    const cluster = await startHalves(t);
    cluster.isOld = isOld;
    const [, second] = cluster.nodes as [FakeNode, FakeNode];
    cluster.tell = node =>
      node === second ? tells(7002, { endpoint: '10.255.255.2' }) : tells(node.port, { endpoint: '10.255.255.1' });
    const map = `10.255.255.1=127.0.0.1, 10.255.255.2:7002=127.0.0.1:${second.port}`;
    await isReached(t, cluster, { cluster: [`address_map: [${map}]`] });
  });

  test(`IPv6, ${by}`, async t => {
    const cluster = await startHalves(t, '::1');
    cluster.isOld = isOld;
    cluster.tell = ({ port }) => tells(port, { endpoint: '::1', ip: '::1' });
    await isReached(t, cluster, { host: '[::1]' });
  });
}

test('the password is given to nodes that are asked and to those that serve', async t => {
  const cluster = await startCluster({ primaries: 2, args: ['--masterauth', 'geheim'], password: 'geheim' });
  t.after(() => cluster.stop());
  const seeds = cluster.nodes.map(({ server }) => server.port);
  const daemon = await startClusterPool(t, seeds, { settings: ['redis_auth: geheim'] });
  const client = await daemon.client('orders');
  assert.equal(await client.command('AUTH', 'geheim'), 'OK');
  for (let i = 0; i < 20; i++) assert.equal(await client.command('SET', `k${i}`, i), 'OK');
  const wrong = await startClusterPool(t, seeds, { settings: ['redis_auth: wrong', 'timeout: 500ms'] });
  const other = await wrong.client('orders');
  assert.equal(await other.command('AUTH', 'wrong'), 'OK');
  assert.ok((await other.command('GET', 'k1')) instanceof RespError);
  assert.match(JSON.stringify(await wrong.untilLogged(/^cluster topology: no node answers$/)), /WRONGPASS/);
});

test('nodes are spoken to in TLS, at their ports for that', async t => {
  const authority = await Authority.create();
  const files = { ...(await authority.sign('node')), ca: authority.cert };
  const cluster = await startCluster({ primaries: 2, tls: files });
  t.after(() => cluster.stop());
  const seeds = cluster.nodes.map(({ tlsPort }) => tlsPort);
  const daemon = await startClusterPool(t, seeds, { settings: [`server_tls: { ca: ${authority.cert} }`] });
  const client = await daemon.client('orders');
  for (let i = 0; i < 20; i++) assert.equal(await client.command('SET', `k${i}`, i), 'OK');
  assert.equal(await client.command('MSET', 'a', 1, 'b', 2, 'c', 3), 'OK');
  const slot = slotOf('a');
  const owner = await cluster.ownerOf(slot);
  const next = cluster.nodes.find(node => node !== owner) as typeof owner;
  await cluster.moveSlot(slot, owner, next);
  assert.deepEqual(await client.command('GET', 'a'), Buffer.from('1'));
  const { body } = await daemon.page('/api/v1/topology');
  for (const port of seeds) assert.ok(body.includes(`"127.0.0.1:${port}"`), body);
  // Whoever can't prove who it is is not asked anything.
  const wary = await startClusterPool(t, seeds, { settings: ['server_tls: {}', 'timeout: 300ms'] });
  const other = await wary.client('orders');
  assert.ok((await other.command('GET', 'a')) instanceof RespError);
});
