import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeCommand } from '../support/resp-reader.ts';
import { KEYS, startTwoRings } from '../support/two-rings.ts';

test('a key that moves is brought to its new server before anything is asked of it there', async t => {
  const { worker, moving, placesOf, go } = await startTwoRings(t);
  const client = await worker.client();
  for (const key of KEYS) assert.equal(await client.command('SET', key, `${key} before`, 'PX', 100_000), 'OK');
  await go('hold');
  await go('both');
  for (const key of KEYS) assert.equal(String(await client.command('GET', key)), `${key} before`);
  for (const key of moving) {
    assert.deepEqual(await placesOf(key), [2], key);
    assert.ok(Number(await client.command('PTTL', key)) > 50_000);
  }
  assert.equal(worker.stats.reshardBrought, moving.length);
  assert.equal(worker.stats.reshardExtraTrips, moving.length);
  // Known by now.
  for (const key of KEYS) assert.equal(await client.command('SET', key, `${key} after`), 'OK');
  assert.equal(worker.stats.reshardExtraTrips, moving.length);
  await go('new');
  for (const key of KEYS) assert.equal(String(await client.command('GET', key)), `${key} after`);
  await go(null);
});

test('while the pool holds, requests for keys that move wait, and go on in order; others pass by', async t => {
  const { worker, moving, staying, go } = await startTwoRings(t);
  const client = await worker.client();
  for (const key of KEYS) await client.command('SET', key, 'before');
  await go('hold');
  const replies = Promise.all(
    moving.map(async key => {
      const other = await worker.client();
      other.send(`SET ${key} held\r\nAPPEND ${key} !\r\nPING\r\nGET ${key}\r\nGET ${staying[0]}\r\n`);
      return (await other.readReplies(5)).map(String);
    }),
  );
  for (const key of staying.slice(1)) assert.equal(await client.command('APPEND', key, '!'), 7);
  await go('both');
  for (const each of await replies) {
    assert.deepEqual(each, ['+OK\r\n', ':5\r\n', '+PONG\r\n', '$5\r\nheld!\r\n', '$6\r\nbefore\r\n']);
  }
});

test('a pool that held and goes on as before gives requests that waited to the old servers', async t => {
  const { worker, moving, placesOf, go } = await startTwoRings(t);
  const client = await worker.client();
  await go('hold');
  client.send(moving.map(key => `SET ${key} v\r\n`).join(''));
  await go(null);
  assert.ok((await client.readReplies(moving.length)).every(reply => String(reply) === '+OK\r\n'));
  for (const key of moving) assert.notDeepEqual(await placesOf(key), [2], key);
});

test('a pipeline is answered in order, whatever of it has to be brought, wherever it is split', async t => {
  const { worker, moving, staying, go, placesOf } = await startTwoRings(t);
  const client = await worker.client();
  for (const key of KEYS) await client.command('SET', key, key);
  await go('hold');
  await go('both');
  const [a, b, c] = moving as [string, string, string];
  const [x, y] = staying as [string, string];
  const requests = [
    ['GET', a],
    ['APPEND', a, '1'],
    ['MGET', b, x, c, y],
    ['APPEND', b, '2'],
    ['PING'],
    ['MSET', a, 'A', x, 'X', c, 'C'],
    ['MGET', a, b, c, x],
    ['DEL', a, b, c, 'nothing'],
    ['EXISTS', a, b, c],
    ['SET', c, 'again'],
    ['GET', c],
  ];
  const wanted = [
    `$${a.length}\r\n${a}\r\n`,
    `:${a.length + 1}\r\n`,
    `*4\r\n${[b, x, c, y].map(key => `$${key.length}\r\n${key}\r\n`).join('')}`,
    `:${b.length + 1}\r\n`,
    '+PONG\r\n',
    '+OK\r\n',
    `*4\r\n$1\r\nA\r\n$${b.length + 1}\r\n${b}2\r\n$1\r\nC\r\n$1\r\nX\r\n`,
    ':3\r\n',
    ':0\r\n',
    '+OK\r\n',
    '$5\r\nagain\r\n',
  ].join('');
  const bytes = Buffer.concat(requests.map(words => encodeCommand(...words)));
  for (let cut = 1; cut < bytes.length; cut += 17) {
    for (const key of [a, b, c, x, y]) await client.command('SET', key, key);
    // As if they had not come yet.
    await go('hold');
    await go('both');
    client.send(bytes.subarray(0, cut));
    client.send(bytes.subarray(cut));
    assert.equal(String(await client.readUntil(wanted.length)), wanted, `cut at ${cut}`);
  }
  assert.deepEqual(await placesOf(c), [2]);
});

test('commands of several keys, and scripts, have all their keys brought first', async t => {
  const { worker, moving, go } = await startTwoRings(t, { settings: ['hash_tag: "{}"'] });
  const client = await worker.client();
  const tag = moving.map(key => `{${key}}`)[0] as string;
  // The tag alone is hashed: all of these are where the key itself is.
  const [a, b, c] = ['a', 'b', 'c'].map(name => `${tag}${name}`) as [string, string, string];
  await client.command('SADD', a, '1', '2', '3');
  await client.command('SADD', b, '2', '3', '4');
  await client.command('RPUSH', c, 'x', 'y');
  await go('hold');
  await go('both');
  assert.equal(await client.command('SINTERSTORE', `${tag}d`, a, b), 2);
  assert.equal(String(await client.command('LMOVE', c, `${tag}e`, 'LEFT', 'RIGHT')), 'x');
  const sum = "return redis.call('SCARD', KEYS[1]) + redis.call('LLEN', KEYS[2])";
  assert.equal(await client.command('EVAL', sum, 2, `${tag}d`, c), 3);
  assert.equal(await client.command('RENAME', a, `${tag}f`), 'OK');
  assert.deepEqual(await client.command('EXISTS', a, b, c, `${tag}f`), 3);
});

test('two workers ask for the same keys at once, and each key is brought once', async t => {
  const { servers, workers, moving, placesOf, go } = await startTwoRings(t, { workers: 2 });
  const clients = await Promise.all(workers.flatMap(worker => [worker.client(), worker.client()]));
  for (const key of moving) await clients[0]?.command('SET', key, 0);
  await go('hold');
  await go('both');
  const rounds = 20;
  await Promise.all(
    clients.map(async client => {
      for (let i = 0; i < rounds; i++) {
        client.send(moving.map(key => `INCR ${key}\r\n`).join(''));
        await client.readReplies(moving.length);
      }
    }),
  );
  for (const key of moving) {
    assert.equal(String(await servers[2]?.command('GET', key)), String(rounds * clients.length));
    assert.deepEqual(await placesOf(key), [2]);
  }
});

test('a key in one of several databases is brought in that one', async t => {
  const { servers, worker, moving, go } = await startTwoRings(t, { settings: ['databases: 4'] });
  const client = await worker.client();
  const key = moving[0] as string;
  for (const db of [0, 1, 3]) {
    await client.command('SELECT', db);
    await client.command('SET', key, `in ${db}`);
  }
  await go('hold');
  await go('both');
  for (const db of [0, 1, 2, 3]) {
    await client.command('SELECT', db);
    assert.equal(String(await client.command('GET', key)), db === 2 ? 'null' : `in ${db}`);
  }
  const target = await servers[2]!.client();
  await target.command('SELECT', 3);
  assert.equal(String(await target.command('GET', key)), 'in 3');
});

test('on the way back keys go to their old servers again', async t => {
  const { worker, moving, placesOf, go } = await startTwoRings(t);
  const client = await worker.client();
  for (const key of moving) await client.command('SET', key, 'v');
  await go('hold');
  await go('both');
  for (const key of moving.slice(0, 5)) await client.command('APPEND', key, '!');
  await go('hold');
  const late = worker.client().then(async other => {
    other.send(`APPEND ${moving[0]} ?\r\n`);
    return String(await other.readReply());
  });
  await go('both', true);
  assert.equal(await late, ':3\r\n');
  for (const [i, key] of moving.entries()) {
    assert.equal(String(await client.command('GET', key)), i === 0 ? 'v!?' : i < 5 ? 'v!' : 'v');
  }
  await go('new', true);
  await go(null);
  for (const key of moving) {
    assert.equal(await client.command('EXISTS', key), 1);
    assert.notDeepEqual(await placesOf(key), [2]);
  }
});

test('a reload of other settings leaves the pool between its rings', async t => {
  const { worker, moving, placesOf, go } = await startTwoRings(t);
  const client = await worker.client();
  for (const key of moving) await client.command('SET', key, 'v');
  await go('hold');
  client.send(`GET ${moving[0]}\r\n`);
  await worker.reload({ ...worker.from, timeoutMs: 3000 });
  await go('both');
  assert.equal(String(await client.readReply()), '$1\r\nv\r\n');
  await worker.reload({ ...worker.from, timeoutMs: 4000 });
  assert.equal(String(await client.command('GET', moving[1] as string)), 'v');
  assert.deepEqual(await placesOf(moving[1] as string), [2]);
});

test('a worker goes no way that others could be ahead of', async t => {
  const { worker } = await startTwoRings(t);
  await assert.rejects(worker.go('both'), /from old there is no way to both/);
  await worker.go('hold');
  await assert.rejects(worker.go('new'), /from hold there is no way to new/);
  await worker.go('both');
  await worker.go('new');
  await worker.go(null);
});
