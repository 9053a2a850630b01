// CLIENT LIST and CLIENT INFO: the addresses of both ends of the client's connection.
import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import path from 'node:path';
import { test } from 'node:test';
import { temporaryDirectory } from '../support/child.ts';
import { freePort } from '../support/free-port.ts';
import { RawClient } from '../support/raw-client.ts';
import { startRedis } from '../support/redis-server.ts';
import { startRingmaster } from '../support/ringmaster.ts';
import { within } from '../support/wait-for.ts';

async function connected(socket: Socket): Promise<RawClient> {
  await within(new Promise(resolve => socket.once('connect', resolve)), { what: 'a connection' });
  return new RawClient(socket);
}

const poolOf = (listen: string): string =>
  `admin: false\npools:\n  p:\n    listen: ${JSON.stringify(listen)}\n    protocol: redis\n    servers: [127.0.0.1:1]\n`;

for (const sockets of ['polled', 'net']) {
  test(`over TCP they are the client's and ours, with ${sockets} sockets`, async t => {
    process.env.RINGMASTER_SOCKETS = sockets;
    t.after(() => delete process.env.RINGMASTER_SOCKETS);
    const port = await freePort();
    const ringmaster = await startRingmaster({ config: poolOf(`127.0.0.1:${port}`), workers: 1 });
    t.after(() => ringmaster.kill());
    const socket = connect(port, '127.0.0.1');
    const client = await connected(socket);
    for (const command of ['LIST', 'INFO']) {
      const line = String(await client.command('CLIENT', command));
      assert.match(
        line,
        new RegExp(`^id=\\d+ addr=127\\.0\\.0\\.1:${socket.localPort} laddr=127\\.0\\.0\\.1:${port} fd=\\d+ name= `),
      );
    }
    client.destroy();
  });
}

test('over IPv6 they stand in brackets', async t => {
  const port = await freePort();
  const ringmaster = await startRingmaster({ config: poolOf(`[::1]:${port}`), workers: 1 });
  t.after(() => ringmaster.kill());
  const socket = connect(port, '::1');
  const client = await connected(socket);
  const line = String(await client.command('CLIENT', 'INFO'));
  assert.ok(line.includes(` addr=[::1]:${socket.localPort} laddr=[::1]:${port} `), line);
  client.destroy();
});

test('flags are those that a server has', async t => {
  const folder = temporaryDirectory('client-flags');
  const [file, own] = [path.join(folder, 'pool.sock'), path.join(folder, 'redis.sock')];
  const server = await startRedis({ args: ['--unixsocket', own] });
  t.after(() => server.kill());
  const config = poolOf(file).replace('127.0.0.1:1', `127.0.0.1:${server.port}`);
  const ringmaster = await startRingmaster({ config, workers: 1 });
  t.after(() => ringmaster.kill());
  const sides = [
    await Promise.all([file, own].map(to => connected(connect(to)))),
    await Promise.all([file, own].map(to => connected(connect(to)))),
  ] as const;
  const flagsOf = async (i: number): Promise<string[]> => {
    const id = String(await sides[0][i]!.command('CLIENT', 'ID'));
    const list = String(await sides[1][i]!.command('CLIENT', 'LIST', 'ID', id));
    return [/ flags=(\w+) /.exec(list)?.[1] ?? list];
  };
  const said: string[] = [];
  for (const line of [
    ['PING'],
    ['CLIENT', 'NO-EVICT', 'on'],
    ['CLIENT', 'NO-EVICT', 'x'],
    ['RESET'],
    ['CLIENT', 'NO-EVICT', 'OFF'],
    ['CLIENT', 'NO-EVICT', 'on'],
    ['HELLO', '3'],
    ['SUBSCRIBE', 'c'],
    ['UNSUBSCRIBE', 'c'],
    ['PING'],
  ]) {
    for (const client of sides[0]) await client.command(...(line as [string, ...string[]]));
    const [ours, theirs] = [await flagsOf(0), await flagsOf(1)];
    assert.deepEqual(ours, theirs, line.join(' '));
    said.push(...ours);
  }
  assert.deepEqual(said, ['U', 'Ue', 'Ue', 'Ue', 'U', 'Ue', 'Ue', 'PUe', 'Ue', 'Ue']);
  // Of Redis 7.2; RESET takes it back.
  const [client] = sides[0];
  await client!.command('CLIENT', 'NO-TOUCH', 'on');
  assert.deepEqual(await flagsOf(0), ['UeT']);
  await client!.command('RESET');
  assert.deepEqual(await flagsOf(0), ['Ue']);
  for (const each of sides.flat()) each.destroy();
});

test('over a unix socket both are its path, with port 0', async t => {
  const file = path.join(temporaryDirectory('client-list'), 'pool.sock');
  const ringmaster = await startRingmaster({ config: poolOf(file), workers: 1 });
  t.after(() => ringmaster.kill());
  const client = await connected(connect(file));
  const line = String(await client.command('CLIENT', 'INFO'));
  assert.ok(line.includes(` addr=${file}:0 laddr=${file}:0 fd=`), line);
  client.destroy();
});
