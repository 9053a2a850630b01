import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import { MEMCACHED_MOVER } from '../../src/mover/memcached/memcached-mover.ts';
import { Pace } from '../../src/mover/pace.ts';
import { probeKey } from '../../src/mover/probe-key.ts';
import type { MoveContext } from '../../src/mover/protocol-mover.ts';
import { type MemcachedOptions, type MemcachedServer, startMemcached } from '../support/memcached-server.ts';
import { movesBetween, poolOf } from '../support/reshard-under-test.ts';

async function between(t: TestContext, options: MemcachedOptions = {}) {
  const servers = await Promise.all([1, 2, 3].map(() => startMemcached(options)));
  t.after(() => Promise.all(servers.map(server => server.kill())));
  const lines = servers.map(({ port }, i) => `127.0.0.1:${port}:1 s${i}`);
  const from = poolOf({ servers: lines.slice(0, 2) }, 'memcached');
  const to = poolOf({ servers: lines }, 'memcached');
  return { servers, from, to, moves: movesBetween(from, to) };
}

function contextOf(): MoveContext & { moved: number } {
  return {
    moved: 0,
    pace: new Pace(1 << 30),
    maxStepMs: 100,
    ...{ movesBig: false, unlisted: [], isBack: false },
    onSeen() {},
    onMoved(keys) {
      this.moved += keys;
    },
    onBig() {},
  };
}

const KEYS = Array.from({ length: 300 }, (_, i) => `key:${i}`);
const SURVEY = { type: 'survey', sampleKeys: 10_000, paceBytes: 1 << 20, maxStepMs: 100, ttlMs: null } as const;

async function get(server: MemcachedServer, key: string): Promise<string> {
  return (await server.ask(`get ${key}\r\n`, 'END\r\n')).toString('latin1');
}

/** Sets every key on the server of a walk over them in turn; which has which does not matter to a mover of all keys. */
async function fill(servers: readonly MemcachedServer[]): Promise<void> {
  for (const [i, key] of KEYS.entries()) {
    for (const server of servers) await server.ask(`set ${key} ${i} 1000 ${key.length}\r\n${key}\r\n`);
  }
}

test('a walk moves what moves, with flags and lifetime, and the next finds nothing', async t => {
  const { servers, from, to, moves } = await between(t);
  await fill(servers.slice(0, 2));
  // Each is where it does not belong as well: those are no business of a walk.
  await MEMCACHED_MOVER.orphans({ type: 'orphans', from, to: from, isRemoving: true, unlisted: [] });
  const context = contextOf();
  const moving = KEYS.filter(moves);
  assert.ok(moving.length > 50, `${moving.length} keys move`);
  assert.deepEqual(await MEMCACHED_MOVER.pass({ from, to, half: 'whole' }, context), { found: moving.length, left: 0 });
  assert.equal(context.moved, moving.length);
  for (const [i, key] of KEYS.entries()) {
    const found = await Promise.all(servers.map(server => get(server, key)));
    const there = `VALUE ${key} ${i} ${key.length}\r\n${key}\r\nEND\r\n`;
    assert.equal(found[2], moves(key) ? there : 'END\r\n', key);
    assert.deepEqual(found.filter(reply => reply === there).length, 1, key);
  }
  assert.deepEqual(await MEMCACHED_MOVER.pass({ from, to, half: 'whole' }, contextOf()), { found: 0, left: 0 });
});

test('orphans are counted by server, and removed', async t => {
  const { servers, from, to } = await between(t);
  await fill(servers.slice(0, 2));
  await fill(servers.slice(2));
  // Of another proxy, which tries the same servers.
  for (const server of servers) await server.ask(`set ${probeKey()} 0 60 1\r\nx\r\n`);
  const count = async (isRemoving: boolean) =>
    (await MEMCACHED_MOVER.orphans({ type: 'orphans', from, to, isRemoving, unlisted: [] })).map(({ keys }) => keys);
  const [first, second, third] = (await count(false)) as [number, number, number];
  assert.equal(first + second, KEYS.length);
  assert.equal(third, KEYS.length);
  assert.deepEqual(await count(true), [first, second, third]);
  assert.deepEqual(await count(false), [0, 0, 0]);
});

test('a survey counts what moves and says what is in the way', async t => {
  const { servers, from, to, moves } = await between(t);
  await fill(servers.slice(0, 2));
  await MEMCACHED_MOVER.orphans({ type: 'orphans', from, to: from, isRemoving: true, unlisted: [] });
  const report = await MEMCACHED_MOVER.survey({ ...SURVEY, from, to });
  assert.deepEqual([report.keys, report.movingKeys], [KEYS.length, KEYS.filter(moves).length]);
  assert.equal(report.isWhole, true);
  assert.deepEqual([report.obstacles, report.warnings, report.orphans], [[], [], []]);
  assert.match(report.servers[0]!.version!, /^1\.6\./);
  assert.deepEqual(
    report.connected.map(({ host }) => host),
    ['127.0.0.1'],
  );
  await servers[2]!.kill();
  const { obstacles } = await MEMCACHED_MOVER.survey({ ...SURVEY, from, to });
  assert.deepEqual(obstacles, [`127.0.0.1:${servers[2]!.port}: ECONNREFUSED`]);
});

test('servers without CAS or without a crawler are in the way, and so is one with two addresses', async t => {
  const { from, to } = await between(t, { args: ['-C', '-o', 'no_lru_crawler'] });
  const { obstacles } = await MEMCACHED_MOVER.survey({ ...SURVEY, from, to });
  assert.equal(obstacles.filter(text => /has no CAS \(-C\)/.test(text)).length, 3, obstacles.join('\n'));
  assert.equal(obstacles.filter(text => /has no crawler/.test(text)).length, 3, obstacles.join('\n'));

  const server = await startMemcached();
  t.after(() => server.kill());
  const one = poolOf({ servers: [`127.0.0.1:${server.port}:1 a`] }, 'memcached');
  const two = poolOf({ servers: [`127.0.0.1:${server.port}:1 a`, `localhost:${server.port}:1 b`] }, 'memcached');
  const { obstacles: twins } = await MEMCACHED_MOVER.survey({ ...SURVEY, from: one, to: two });
  assert.deepEqual(twins, [
    `127.0.0.1:${server.port} and localhost:${server.port} are the same server: give it one address in both files`,
  ]);
});

test('the next keys are moved when both servers answer again, and not before', async t => {
  const servers = await Promise.all([1, 2, 3].map(() => startMemcached()));
  t.after(() => Promise.all(servers.map(server => server.kill())));
  // Before the third server; holds back what it answers to who asks for nothing.
  const asked = Promise.withResolvers<void>();
  const mayAnswer = Promise.withResolvers<void>();
  const between = createServer(client => {
    const server = connect(servers[2]!.port, '127.0.0.1');
    for (const socket of [client, server]) socket.on('error', () => {});
    client.on('data', async bytes => {
      const isNothing = bytes.toString('latin1').includes('mn\r\n');
      if (isNothing) {
        asked.resolve();
        await mayAnswer.promise;
      }
      server.write(bytes);
    });
    server.pipe(client);
    client.on('close', () => server.destroy());
  }).listen(0, '127.0.0.1');
  await once(between, 'listening');
  t.after(() => between.close());
  const ports = [servers[0]!.port, servers[1]!.port, (between.address() as AddressInfo).port];
  const lines = ports.map((port, i) => `127.0.0.1:${port}:1 s${i}`);
  const from = poolOf({ servers: lines.slice(0, 1) }, 'memcached');
  const to = poolOf({ servers: [lines[0]!, lines[2]!] }, 'memcached');
  await fill(servers.slice(0, 1));
  const context = contextOf();
  const pass = MEMCACHED_MOVER.pass({ from, to, half: 'whole' }, context);
  await asked.promise;
  assert.ok(context.moved <= 16, `${context.moved} keys were moved`);
  assert.equal(
    Number((await servers[2]!.ask('stats\r\n', 'END\r\n')).toString().match(/curr_items (\d+)/)?.[1]),
    context.moved,
  );
  mayAnswer.resolve();
  const { found } = await pass;
  assert.ok(found > 50);
  assert.equal(context.moved, found);
});
