import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { startReplicatedPool } from '../support/replicated-pool.ts';
import { encodeCommand, RespError } from '../support/resp-reader.ts';
import { waitFor } from '../support/wait-for.ts';

for (const [mode, ...who] of [
  ['primary', 'primary'],
  ['prefer_primary', 'primary'],
  ['replica', 'replica-0', 'replica-1'],
  ['prefer_replica', 'replica-0', 'replica-1'],
  ['any', 'primary', 'replica-0', 'replica-1'],
] as const) {
  test(`read_from: ${mode} reads from ${who.join(', ')}`, async t => {
    const pool = await startReplicatedPool(t, { settings: [`read_from: ${mode}`] });
    await pool.untilAnsweredBy(...who);
    // One that is asked whether it follows may be left out for a moment.
    const areSpread = async () => {
      const counts = await pool.answers(60);
      return who.every(name => (counts[name] ?? 0) >= 60 / who.length / 2);
    };
    await waitFor(areSpread, { what: `reads of each of ${who.join(', ')}` });
    const reads = () => pool.daemon.metric('ringmaster_pool_replica_reads_total', { pool: 'pages' });
    if (mode === 'primary' || mode === 'prefer_primary') assert.equal(await reads(), 0);
    else await waitFor(async () => (await reads()) > 0, { what: 'reads of replicas to be counted' });
  });
}

test('nearest takes the nearest and what is as near', async t => {
  const pool = await startReplicatedPool(t, { settings: ['read_from: nearest', 'nearest_tolerance: 1m'] });
  await pool.untilAnsweredBy('primary', 'replica-0', 'replica-1');
  pool.replicas[0]!.freeze();
  t.after(() => pool.replicas[0]!.thaw());
  await pool.untilAnsweredBy('primary', 'replica-1');
});

test('writes, transactions and watched keys are for the primary alone', async t => {
  const pool = await startReplicatedPool(t, { settings: ['read_from: replica'] });
  await pool.untilAnsweredBy('replica-0', 'replica-1');
  const client = await pool.daemon.client('pages');
  for (let i = 0; i < 6; i++) {
    assert.equal(await client.command('SET', `k${i}`, 'v'), 'OK');
    assert.deepEqual(await client.command('GETDEL', `k${i}`), Buffer.from('v'));
    assert.equal(await client.command('MULTI'), 'OK');
    assert.equal(await client.command('GET', 'who'), 'QUEUED');
    assert.deepEqual(await client.command('EXEC'), [Buffer.from('primary')]);
    assert.equal(await client.command('WATCH', 'who'), 'OK');
    assert.deepEqual(await client.command('GET', 'who'), Buffer.from('primary'));
    assert.equal(await client.command('UNWATCH'), 'OK');
    // Whole in one piece.
    client.send(Buffer.concat([encodeCommand('MULTI'), encodeCommand('GET', 'who'), encodeCommand('EXEC')]));
    for (const _ of [0, 1]) await client.readReply();
    assert.match(String(await client.readReply()), /primary/);
    assert.deepEqual(
      await client.command('EVAL', 'return redis.call("GET", KEYS[1])', 1, 'who'),
      Buffer.from('primary'),
    );
    assert.match(String(await client.command('EVAL_RO', 'return redis.call("GET", KEYS[1])', 1, 'who')), /replica/);
  }
});

test('MGET of several servers, and replies of all sizes, come from replicas in the client’s order', async t => {
  const pool = await startReplicatedPool(t, { settings: ['read_from: replica'] });
  const big = 'x'.repeat(300_000);
  await pool.primary.command('MSET', 'big', big, 'a', '1', 'b', '2');
  await waitFor(async () => (await pool.everywhere('b')).every(value => value === '2'), { what: 'copies' });
  await pool.untilAnsweredBy('replica-0', 'replica-1');
  const client = await pool.daemon.client('pages');
  const requests: Buffer[] = [];
  for (let i = 0; i < 50; i++) {
    requests.push(encodeCommand('GET', 'big'), encodeCommand('GET', 'a'), encodeCommand('MGET', 'a', 'b', 'none'));
    requests.push(encodeCommand('LLEN', 'a'), encodeCommand('PING'));
  }
  client.send(Buffer.concat(requests));
  for (let i = 0; i < 50; i++) {
    assert.equal((await client.readReply()).length, big.length + 11);
    assert.equal(String(await client.readReply()), '$1\r\n1\r\n');
    assert.equal(String(await client.readReply()), '*3\r\n$1\r\n1\r\n$1\r\n2\r\n$-1\r\n');
    assert.match(String(await client.readReply()), /^-WRONGTYPE /);
    assert.equal(String(await client.readReply()), '+PONG\r\n');
  }
});

test('a replica is killed while it is read from: no error, and it is used again when it is back', async t => {
  const pool = await startReplicatedPool(t, { settings: ['read_from: replica'] });
  await pool.untilAnsweredBy('replica-0', 'replica-1');
  const client = await pool.daemon.client('pages');
  let reads = 0;
  let isOver = false;
  const load = (async () => {
    while (!isOver) {
      client.send(Buffer.concat(Array.from({ length: 20 }, () => encodeCommand('GET', 'who'))));
      for (let i = 0; i < 20; i++, reads++) assert.match(String(await client.readReply()), /primary|replica/);
    }
  })();
  await waitFor(() => reads > 200, { what: 'reads' });
  await pool.replicas[0]!.kill();
  await Promise.race([pool.untilAnsweredBy('replica-1'), load]);
  const before = reads;
  await Promise.race([waitFor(() => reads > before + 500, { what: 'reads' }), load]);
  await pool.replicas[1]!.kill();
  await Promise.race([pool.untilAnsweredBy('primary'), load]);
  isOver = true;
  await load;
  // Workers see it first, and go elsewhere.
  const isNoted = () => pool.daemon.logged(/replica is left out/).some(line => /refused/.test(String(line.why)));
  await waitFor(isNoted, { what: 'the verdict', timeoutMs: 20_000 });
});

test('a replica that hangs, or whose link is down, or that is no replica, is left out and comes back', async t => {
  const pool = await startReplicatedPool(t, { settings: ['read_from: replica', 'timeout: 2s'] });
  const [first] = pool.replicas as [(typeof pool.replicas)[number]];
  await pool.untilAnsweredBy('replica-0', 'replica-1');
  first.freeze();
  await waitFor(() => pool.daemon.logged(/replica is left out/).length > 0, { what: 'the verdict' });
  await pool.untilAnsweredBy('replica-1');
  first.thaw();
  await pool.untilAnsweredBy('replica-0', 'replica-1');
  await first.command('REPLICAOF', '127.0.0.1', '1');
  await pool.untilAnsweredBy('replica-1');
  await first.command('REPLICAOF', 'NO', 'ONE');
  await waitFor(() => pool.daemon.logged(/replica is left out/).length >= 2, { what: 'the verdict' });
  await pool.untilAnsweredBy('replica-1');
  await first.command('REPLICAOF', '127.0.0.1', pool.primary.port);
  await pool.tellApart();
  await pool.untilAnsweredBy('replica-0', 'replica-1');
});

test('a replica that is too far behind is left out, though it answers and its link is up', async t => {
  const pool = await startReplicatedPool(t, { settings: ['read_from: replica', 'max_lag: 300ms'] });
  await pool.untilAnsweredBy('replica-0', 'replica-1');
  const [first] = pool.replicas as [(typeof pool.replicas)[number]];
  // What its primary says comes by a way that can be held up.
  const sources: Socket[] = [];
  const relay = createServer(replica => {
    const source = connect(pool.primary.port, '127.0.0.1');
    sources.push(source);
    source.pipe(replica).pipe(source);
    for (const each of [source, replica]) each.on('error', () => {});
    replica.once('close', () => source.destroy());
  });
  await once(relay.listen(0, '127.0.0.1'), 'listening');
  t.after(() => {
    relay.close();
    for (const source of sources) source.destroy();
  });
  await first.command('REPLICAOF', '127.0.0.1', (relay.address() as AddressInfo).port);
  await pool.tellApart();
  await pool.untilAnsweredBy('replica-0', 'replica-1');
  const isSaid = () =>
    pool.daemon.logged(/replica is left out/).some(({ why }) => /^it is \d+ ms behind$/.test(String(why)));
  for (const source of sources) source.unpipe();
  for (const source of sources) source.pause();
  await waitFor(isSaid, { what: 'the lag to be seen' });
  await pool.untilAnsweredBy('replica-1');
  assert.match(String(await first.command('INFO', 'replication')), /master_link_status:up/);
});

test('replica_unavailable: error refuses what replicas alone may answer', async t => {
  const pool = await startReplicatedPool(t, {
    replicas: 1,
    settings: ['read_from: replica', 'replica_unavailable: error'],
  });
  await pool.untilAnsweredBy('replica-0');
  await pool.replicas[0]!.kill();
  await pool.untilAnsweredBy('error');
  const client = await pool.daemon.client('pages');
  const reply = await client.command('GET', 'who');
  assert.ok(reply instanceof RespError);
  assert.match(reply.text, /no replica can answer now/);
  assert.ok((await client.command('MGET', 'who', 'a')) instanceof RespError);
  assert.equal(await client.command('SET', 'k', 'v'), 'OK');
});

test('prefer_primary goes to replicas while the primary can’t be reached', async t => {
  const pool = await startReplicatedPool(t, { settings: ['read_from: prefer_primary'] });
  await pool.untilAnsweredBy('primary');
  // Its replicas keep their links.
  const admin = await pool.primary.client();
  assert.equal(await admin.command('CONFIG', 'SET', 'port', 0), 'OK');
  await admin.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  await pool.untilAnsweredBy('replica-0', 'replica-1');
  assert.equal(await admin.command('CONFIG', 'SET', 'port', pool.primary.port), 'OK');
  await pool.untilAnsweredBy('primary');
  admin.destroy();
});

test('read_your_writes: who has written reads from the primary for a while, others do not', async t => {
  const pool = await startReplicatedPool(t, { settings: ['read_from: replica', 'read_your_writes: 1h'] });
  await pool.untilAnsweredBy('replica-0', 'replica-1');
  const [writer, reader] = [await pool.daemon.client('pages'), await pool.daemon.client('pages')];
  assert.match(String(await writer.command('GET', 'who')), /replica/);
  assert.equal(await writer.command('PING'), 'PONG');
  assert.match(String(await writer.command('GET', 'who')), /replica/);
  assert.equal(await writer.command('SET', 'k', 'v'), 'OK');
  for (let i = 0; i < 10; i++) {
    assert.deepEqual(await writer.command('GET', 'who'), Buffer.from('primary'));
    assert.match(String(await reader.command('GET', 'who')), /replica/);
  }
});

test('replicas in our zone are read from first', async t => {
  const pool = await startReplicatedPool(t, {
    settings: ['read_from: replica', 'availability_zone: eu-1b'],
    zones: ['eu-1a', 'eu-1b'],
  });
  await pool.untilAnsweredBy('replica-1');
  await pool.replicas[1]!.kill();
  await pool.untilAnsweredBy('replica-0');
});

test('replicas have the password of the pool', async t => {
  const pool = await startReplicatedPool(t, {
    password: 'geheim',
    settings: ['read_from: replica', 'redis_auth: geheim'],
  });
  const client = await pool.daemon.client('pages');
  await client.command('AUTH', 'geheim');
  await waitFor(async () => /replica/.test(String(await client.command('GET', 'who'))), {
    what: 'a replica to answer',
  });
});
