// Transactions, watched keys and commands that block, in a cluster whose slots move.
import assert from 'node:assert/strict';
import { after, before, describe, type TestContext, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { untilReplaced } from '../support/cluster-fail-over.ts';
import { portsOf, slotOf, startClusterPool } from '../support/cluster-pool.ts';
import { type FakeNode, startFakeCluster } from '../support/fake-cluster.ts';
import type { Daemon } from '../support/pool-daemon.ts';
import type { RawClient } from '../support/raw-client.ts';
import { type ClusterNode, type RedisCluster, startCluster } from '../support/redis-cluster.ts';
import { untilCopied } from '../support/replication.ts';
import { encodeCommand, RespError } from '../support/resp-reader.ts';
import { waitFor } from '../support/wait-for.ts';

const endings: (() => unknown)[] = [];
const suite = { after: (end: () => unknown) => void endings.push(end) } as never;

/** In arrays: what is written in lines is never taken for a whole one. */
const whole = (...requests: (string | number)[][]) =>
  Buffer.concat([encodeCommand('MULTI'), ...requests.map(words => encodeCommand(...words)), encodeCommand('EXEC')]);

const text = (value: string) => Buffer.from(value);

describe('in a cluster whose slots move', () => {
  let cluster: RedisCluster;
  let daemon: Daemon;
  let client: RawClient;

  before(async () => {
    cluster = await startCluster({ primaries: 2 });
    endings.push(() => cluster.stop());
    daemon = await startClusterPool(suite, portsOf(cluster), { settings: ['timeout: 5s'] });
    client = await daemon.client('orders');
  });
  after(async () => {
    client?.destroy();
    for (const end of endings.reverse()) await end();
  });

  /** Moves the slot of the key to the other node; `between` runs half-way. */
  async function move(key: string, between?: () => Promise<void>): Promise<void> {
    const slot = slotOf(key);
    const owner = await cluster.ownerOf(slot);
    const other = cluster.nodes.find(node => node !== owner) as ClusterNode;
    await cluster.moveSlot(slot, owner, other, between);
  }

  test('a transaction that came whole is run where its slot is by now', async () => {
    client.send(whole(['SET', '{w}a', 1], ['INCR', '{w}a']));
    assert.deepEqual((await client.readReplies(4)).map(String), [
      '+OK\r\n',
      '+QUEUED\r\n',
      '+QUEUED\r\n',
      '*2\r\n+OK\r\n:2\r\n',
    ]);
    await move('w');
    client.send(whole(['INCR', '{w}a'], ['GET', '{w}a']));
    const replies = (await client.readReplies(4)).map(String);
    assert.deepEqual(replies, ['+OK\r\n', '+QUEUED\r\n', '+QUEUED\r\n', '*2\r\n:3\r\n$1\r\n3\r\n']);
    assert.equal(await daemon.metric('ringmaster_server_private_connections'), 0);
  });

  test('one that came whole is followed while its slot is on the way', async () => {
    await client.command('MSET', '{h}a', 1, '{h}b', 2);
    await move('h', async () => {
      const owner = await cluster.ownerOf(slotOf('h'));
      const other = cluster.nodes.find(node => node !== owner) as ClusterNode;
      // One key is there already, one is not: nobody can run it, until both are.
      await owner.server.command('MIGRATE', '127.0.0.1', other.server.port, '{h}a', 0, 5000);
      client.send(whole(['INCR', '{h}a'], ['GET', '{h}a']));
      const replies = (await client.readReplies(4)).map(String);
      assert.deepEqual(replies.slice(3), ['*2\r\n:2\r\n$1\r\n2\r\n']);
      client.send(whole(['INCR', '{h}a'], ['INCR', '{h}b']));
      await waitFor(async () => (await daemon.metric('ringmaster_pool_requests_put_off_total')) > 0, {
        what: 'it to be put off',
      });
    });
    assert.deepEqual((await client.readReplies(4)).map(String).slice(3), ['*2\r\n:3\r\n:3\r\n']);
  });

  test('one that comes bit by bit is run where its slot is when it is run', async () => {
    assert.equal(await client.command('MULTI'), 'OK');
    assert.equal(await client.command('SET', '{b}a', 5), 'QUEUED');
    await move('b');
    assert.equal(await client.command('INCR', '{b}a'), 'QUEUED');
    assert.deepEqual(await client.command('EXEC'), ['OK', 6]);
  });

  test('what is wrong with one is told, and it is not run', async () => {
    assert.equal(await client.command('MULTI'), 'OK');
    assert.equal(await client.command('SET', '{c}a', 1), 'QUEUED');
    const crossSlot = new RespError("CROSSSLOT Keys in request don't hash to the same slot");
    assert.deepEqual(await client.command('SET', '{d}a', 1), crossSlot);
    assert.match(((await client.command('EXEC')) as RespError).text, /^EXECABORT /);
    assert.equal(await client.command('EXISTS', '{c}a'), 0);
    // The server finds the fault only when it is run.
    assert.equal(await client.command('MULTI'), 'OK');
    assert.equal(await client.command('SET', '{c}a', 'text'), 'QUEUED');
    assert.equal(await client.command('INCR', '{c}a'), 'QUEUED');
    const [set, incr] = (await client.command('EXEC')) as unknown[];
    assert.equal(set, 'OK');
    assert.match((incr as RespError).text, /^ERR value is not an integer/);
    assert.equal(await client.command('MULTI'), 'OK');
    assert.equal(await client.command('SET', '{c}a', 'other'), 'QUEUED');
    assert.equal(await client.command('DISCARD'), 'OK');
    assert.deepEqual(await client.command('GET', '{c}a'), text('text'));
  });

  test('one that is larger than what is kept is run, too', async () => {
    const value = 'x'.repeat(100_000);
    client.send(whole(...Array.from({ length: 20 }, (_, i) => ['SET', `{l}${i}`, value])));
    const replies = await client.readReplies(22);
    assert.equal(replies[21]?.toString(), `*20\r\n${'+OK\r\n'.repeat(20)}`);
    const many = Array.from({ length: 5000 }, () => ['INCR', '{l}n']);
    client.send(whole(...many));
    const counted = await client.readReplies(5002);
    assert.match(String(counted[5001]), /^\*5000\r\n:1\r\n.*:5000\r\n$/s);
    // What no longer fits has no key.
    client.send(whole(...many.slice(0, 4096), ['PING'], ['CLIENT', 'GETNAME'], ['GET', '{l}n']));
    const pinged = await client.readReplies(4101);
    assert.match(String(pinged[4100]), /^\*4099\r\n:5001\r\n.*:9096\r\n\+PONG\r\n\$-1\r\n\$4\r\n9096\r\n$/s);
  });

  test('keys that are watched follow their slot, and their transaction is not run once it has moved', async () => {
    await client.command('SET', '{v}a', 1);
    await move('v');
    assert.equal(await client.command('WATCH', '{v}a'), 'OK');
    assert.deepEqual(await client.command('GET', '{v}a'), text('1'));
    await move('v');
    assert.deepEqual(await client.command('GET', '{v}a'), text('1'));
    assert.equal(await client.command('MULTI'), 'OK');
    assert.equal(await client.command('INCR', '{v}a'), 'QUEUED');
    assert.equal(await client.command('EXEC'), null);
    // And again, as programs do.
    assert.equal(await client.command('WATCH', '{v}a'), 'OK');
    assert.equal(await client.command('MULTI'), 'OK');
    assert.equal(await client.command('INCR', '{v}a'), 'QUEUED');
    assert.deepEqual(await client.command('EXEC'), [2]);
  });

  test('a slot that moves between the parts of a transaction with watched keys', async () => {
    await client.command('SET', '{y}a', 1);
    assert.equal(await client.command('WATCH', '{y}a'), 'OK');
    assert.equal(await client.command('MULTI'), 'OK');
    assert.equal(await client.command('INCR', '{y}a'), 'QUEUED');
    await move('y');
    assert.equal(await client.command('INCR', '{y}a'), 'QUEUED');
    assert.equal(await client.command('EXEC'), null);
    assert.equal(await client.command('WATCH', '{y}a'), 'OK');
    assert.equal(await client.command('MULTI'), 'OK');
    assert.equal(await client.command('INCR', '{y}a'), 'QUEUED');
    await move('y');
    assert.equal(await client.command('EXEC'), null);
    client.send(`${'HELLO 3\r\nWATCH {y}a\r\n'}`);
    await client.readReplies(2);
    await move('y');
    client.send('MULTI\r\nINCR {y}a\r\nEXEC\r\n');
    assert.deepEqual((await client.readReplies(3)).map(String), ['+OK\r\n', '+QUEUED\r\n', '_\r\n']);
    client.send('HELLO 2\r\n');
    await client.readReplies(1);
    // Nodes that have just been told otherwise may send it to and fro for a moment.
    const isThere = async () => isDeepStrictEqual(await client.command('GET', '{y}a'), text('1'));
    await waitFor(isThere, { what: 'the value' });
  });

  test('a client that waits goes along with its slot, for what is left of its time', async () => {
    const waiter = await daemon.client('orders', { timeoutMs: 30_000 });
    const pusher = await daemon.client('orders');
    for (const [name, timeout] of [
      ['BLPOP', 0],
      ['BRPOP', 60],
      ['BLPOP', '0.0'],
    ] as const) {
      const waiting = waiter.command(name, '{q}list', timeout);
      await untilBlocked(cluster);
      await move('q');
      await untilBlocked(cluster);
      assert.equal(await pusher.command('RPUSH', '{q}list', name), 1);
      assert.deepEqual(await waiting, [text('{q}list'), text(name)]);
    }
    // Its slot is on the way: it waits where the slot goes.
    await move('q', async () => {
      const waiting = waiter.command('BLPOP', '{q}list', 0);
      await untilBlocked(cluster);
      assert.equal(await pusher.command('RPUSH', '{q}list', 'late'), 1);
      assert.deepEqual(await waiting, [text('{q}list'), text('late')]);
    });
    // Nothing comes: the server says so, in its time.
    const waiting = waiter.command('BLPOP', '{q}list', 2);
    await untilBlocked(cluster);
    await move('q');
    assert.equal(await waiting, null);
    waiter.destroy();
    pusher.destroy();
  });

  test('streams and moves between lists wait, too', async () => {
    const waiter = await daemon.client('orders', { timeoutMs: 30_000 });
    const reading = waiter.command('XREAD', 'COUNT', 5, 'BLOCK', 60_000, 'STREAMS', '{s}x', '0-0');
    await untilBlocked(cluster);
    await move('s');
    await untilBlocked(cluster);
    const id = (await client.command('XADD', '{s}x', '*', 'f', 'v')) as Buffer;
    assert.deepEqual(await reading, [[text('{s}x'), [[id, [text('f'), text('v')]]]]]);
    const moving = waiter.command('BLMOVE', '{s}from', '{s}to', 'LEFT', 'RIGHT', 60);
    await untilBlocked(cluster);
    await move('s');
    await untilBlocked(cluster);
    await client.command('RPUSH', '{s}from', 'x');
    assert.deepEqual(await moving, text('x'));
    waiter.destroy();
  });

  test('a client that leaves while it waits takes nothing with it', async () => {
    const waiter = await daemon.client('orders');
    waiter.send(encodeCommand('BLPOP', '{z}list', 0));
    await untilBlocked(cluster);
    await move('z');
    await untilBlocked(cluster);
    waiter.destroy();
    await waitFor(async () => (await blocked(cluster)) === 0, { what: 'nobody to wait' });
    assert.equal(await client.command('RPUSH', '{z}list', 'kept'), 1);
    assert.deepEqual(await client.command('LPOP', '{z}list'), text('kept'));
  });
});

async function blocked(cluster: RedisCluster): Promise<number> {
  const infos = await Promise.all(cluster.nodes.map(({ server }) => server.command('INFO', 'clients')));
  return infos.reduce((sum: number, info) => sum + Number(/blocked_clients:(\d+)/.exec(String(info))?.[1]), 0);
}

async function untilBlocked(cluster: RedisCluster): Promise<void> {
  await waitFor(async () => (await blocked(cluster)) === 1, { what: 'a client to wait' });
}

const SLOT = slotOf('k');
const OK = '+OK\r\n';

async function startFake(t: TestContext, settings: readonly string[] = []) {
  const cluster = await startFakeCluster(2);
  t.after(() => cluster.stop());
  const [a, b] = cluster.nodes as [FakeNode, FakeNode];
  const daemon = await startClusterPool(t, [a.port], { settings });
  return { a, b, daemon };
}

const moved = (node: FakeNode) => `-MOVED ${SLOT} 127.0.0.1:${node.port}\r\n`;
const ABORTED = '-EXECABORT Transaction discarded because of previous errors.\r\n';

test('a whole transaction is sent on as one, and each reply is read once', async t => {
  const { a, b, daemon } = await startFake(t);
  const answer = ([name]: readonly string[]) => (name === 'MULTI' ? OK : name === 'EXEC' ? ABORTED : moved(b));
  a.answer = answer;
  b.answer = ([name]) => (name === 'MULTI' ? OK : name === 'EXEC' ? '*2\r\n:1\r\n:2\r\n' : '+QUEUED\r\n');
  const client = await daemon.client('orders');
  client.send(Buffer.concat([whole(['INCR', 'k'], ['INCR', 'k']), encodeCommand('INCR', 'k')]));
  assert.deepEqual((await client.readReplies(5)).map(String), [
    OK,
    '+QUEUED\r\n',
    '+QUEUED\r\n',
    '*2\r\n:1\r\n:2\r\n',
    '+QUEUED\r\n',
  ]);
  assert.deepEqual(b.asked, ['MULTI', 'INCR k', 'INCR k', 'EXEC', 'INCR k']);
});

test('only the request that runs it is sent elsewhere: all of it goes again', async t => {
  const { a, b, daemon } = await startFake(t);
  a.answer = ([name]) => (name === 'MULTI' ? OK : name === 'EXEC' ? moved(b) : '+QUEUED\r\n');
  b.answer = ([name]) => (name === 'MULTI' ? OK : name === 'EXEC' ? '*1\r\n:1\r\n' : '+QUEUED\r\n');
  const client = await daemon.client('orders');
  client.send(whole(['INCR', 'k']));
  assert.deepEqual((await client.readReplies(3)).map(String), [OK, '+QUEUED\r\n', '*1\r\n:1\r\n']);
  assert.deepEqual(b.asked, ['MULTI', 'INCR k', 'EXEC']);
});

test('a whole transaction that goes from node to node without end', async t => {
  const { a, b, daemon } = await startFake(t);
  a.answer = ([name]) => (name === 'MULTI' ? OK : name === 'EXEC' ? ABORTED : moved(b));
  b.answer = ([name]) => (name === 'MULTI' ? OK : name === 'EXEC' ? ABORTED : moved(a));
  const client = await daemon.client('orders');
  client.send(whole(['INCR', 'k']));
  const down = 'CLUSTERDOWN The request was sent on too often from node to node';
  assert.deepEqual((await client.readReplies(3)).map(String), [
    OK,
    `-${down}\r\n`,
    `-EXECABORT Transaction discarded because of: ${down}\r\n`,
  ]);
});

test('what a server refuses of a transaction that was kept is told when it is run', async t => {
  const { a, daemon } = await startFake(t);
  a.answer = ([name]) =>
    name === 'MULTI' ? OK : name === 'EXEC' ? ABORTED : "-OOM command not allowed when used memory > 'maxmemory'.\r\n";
  const client = await daemon.client('orders');
  assert.equal(await client.command('MULTI'), 'OK');
  assert.equal(await client.command('SET', 'k', 1), 'QUEUED');
  const refused = (await client.command('EXEC')) as RespError;
  assert.equal(
    refused.text,
    "EXECABORT Transaction discarded because of: OOM command not allowed when used memory > 'maxmemory'.",
  );
  client.send(whole(['SET', 'k', '1']));
  assert.deepEqual((await client.readReplies(3)).map(String), [
    OK,
    "-OOM command not allowed when used memory > 'maxmemory'.\r\n",
    ABORTED,
  ]);
});

test('the reply to a transaction with watched keys comes byte by byte, and a part of it is answered here', async t => {
  const { a, daemon } = await startFake(t);
  a.answer = ([name]) => {
    if (name === 'EXEC') return [...'*3\r\n$5\r\nhello\r\n+PONG\r\n:7\r\n'];
    return name === 'WATCH' || name === 'MULTI' ? OK : '+QUEUED\r\n';
  };
  const client = await daemon.client('orders');
  client.send(
    Buffer.concat([encodeCommand('WATCH', 'k'), whole(['GET', 'k'], ['CLIENT', 'SETNAME', 'me'], ['INCR', 'k'])]),
  );
  const replies = (await client.readReplies(6)).map(String);
  assert.deepEqual(replies.slice(0, 2), [OK, OK]);
  assert.equal(replies[5], '*3\r\n$5\r\nhello\r\n+OK\r\n:7\r\n');
});

test('WATCH and what waits go elsewhere when their node refuses connections', async t => {
  const cluster = await startCluster({ primaries: 3, replicas: 3 });
  t.after(() => cluster.stop());
  const daemon = await startClusterPool(t, portsOf(cluster), { settings: ['timeout: 10s'] });
  const client = await daemon.client('orders', { timeoutMs: 30_000 });
  assert.equal(await client.command('SET', '{g}a', 1), 'OK');
  const victim = await cluster.ownerOf(slotOf('g'));
  await untilCopied([victim.server], 1);
  await victim.server.kill();
  await untilReplaced(cluster, victim);
  const increment = async () => {
    assert.equal(await client.command('WATCH', '{g}a'), 'OK');
    assert.equal(await client.command('MULTI'), 'OK');
    assert.equal(await client.command('INCR', '{g}a'), 'QUEUED');
    return client.command('EXEC');
  };
  // What is watched while its slot is told of elsewhere counts as changed, and nothing was done.
  const counts = await waitFor(increment, { what: 'nothing to come between', timeoutMs: 30_000 });
  assert.deepEqual(counts, [2]);
  await client.command('RPUSH', '{g}list', 'x');
  assert.deepEqual(await client.command('BLPOP', '{g}list', 5), [text('{g}list'), text('x')]);
});
