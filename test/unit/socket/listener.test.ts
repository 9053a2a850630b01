import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { ConnectAttempt } from '../../../src/socket/connect-attempt.ts';
import { type Listener, listenOn } from '../../../src/socket/sockets.ts';
import type { StreamSocket } from '../../../src/socket/stream-socket.ts';
import { bindLocal } from '../../support/bind-local.ts';
import { Child } from '../../support/child.ts';
import { RawClient } from '../../support/raw-client.ts';
import { waitFor } from '../../support/wait-for.ts';

const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
const SOL_SOCKET = 1;
const SO_KEEPALIVE = 9;
const TCP_KEEPIDLE = 4;
const TCP_KEEPINTVL = 5;
const TCP_KEEPCNT = 6;

/** An integer option of a socket, as the kernel has it (Linux). */
function optionOf(socket: StreamSocket, level: number, name: number): number {
  const { functions } = process.getBuiltinModule('node:ffi').dlopen(null, {
    getsockopt: { arguments: ['i32', 'i32', 'i32', 'buffer', 'buffer'], return: 'i32' },
  });
  const value = Buffer.alloc(4);
  const size = Buffer.from(new Uint32Array([4]).buffer);
  assert.equal(functions.getsockopt(socket.descriptor, level, name, value, size), 0);
  return value.readInt32LE();
}

async function listening(
  t: TestContext,
  keepaliveIdleMs: number,
): Promise<{ port: number; accepted: StreamSocket[]; listener: Listener }> {
  const { handle, port } = await bindLocal();
  const accepted: StreamSocket[] = [];
  const listener = await listenOn(
    handle,
    { keepaliveIdleMs, backlog: 128 },
    socket => accepted.push(socket),
    error => assert.fail(error),
  );
  t.after(() => {
    for (const socket of accepted) socket.destroy();
    listener.close();
  });
  return { port, accepted, listener };
}

for (const keepaliveIdleMs of [30_000, 0]) {
  test(`clients are accepted without Nagle's delay, and ${keepaliveIdleMs > 0 ? 'with' : 'without'} keepalive`, async t => {
    const { port, accepted } = await listening(t, keepaliveIdleMs);
    const clients = Array.from({ length: 20 }, () => connect(port, '127.0.0.1'));
    t.after(() => {
      for (const client of clients) client.destroy();
    });
    await waitFor(() => accepted.length === clients.length, { what: 'all clients' });
    for (const socket of accepted) {
      assert.notEqual(optionOf(socket, IPPROTO_TCP, TCP_NODELAY), 0);
      assert.equal(optionOf(socket, SOL_SOCKET, SO_KEEPALIVE) !== 0, keepaliveIdleMs > 0);
      if (keepaliveIdleMs === 0) continue;
      const times = [TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT].map(option => optionOf(socket, IPPROTO_TCP, option));
      assert.deepEqual(times, [30, 5, 3]);
    }
  });
}

test('a connection that is made is probed as soon as it is told to be', async t => {
  const { port } = await listening(t, 0);
  const socket = await new Promise<StreamSocket>((onConnected, reject) => {
    new ConnectAttempt(
      { host: '127.0.0.1', port },
      30_000,
      { tls: null, proxyHeader: null },
      { onConnected, onRefused: reject },
    );
  });
  t.after(() => socket.destroy());
  assert.notEqual(optionOf(socket, SOL_SOCKET, SO_KEEPALIVE), 0);
  const times = [TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT].map(option => optionOf(socket, IPPROTO_TCP, option));
  assert.deepEqual(times, [30, 5, 3]);
});

test('a client that has reset its connection is still who it was', async t => {
  const { port, accepted } = await listening(t, 0);
  const client = connect(port, '127.0.0.1');
  await waitFor(() => accepted.length === 1 && client.localPort !== undefined, { what: 'the client' });
  const name = `127.0.0.1:${client.localPort}`;
  client.resetAndDestroy();
  await new Promise(resolve => client.once('close', resolve));
  assert.equal((accepted[0] as StreamSocket).peer, name);
});

test('a listener that is closed accepts nobody, on none of its descriptors', async t => {
  const { port, accepted, listener } = await listening(t, 0);
  listener.close();
  const client = connect(port, '127.0.0.1');
  const error = await new Promise<NodeJS.ErrnoException>(resolve => client.once('error', resolve));
  assert.equal(error.code, 'ECONNREFUSED');
  assert.equal(accepted.length, 0);
});

test('without a descriptor left, clients are closed, each told of once, and the next ones accepted when there are some', async t => {
  const script = new URL('../../support/starved-listener.ts', import.meta.url).pathname;
  const child = new Child('sh', ['-c', 'ulimit -n 64 && exec "$0" "$@"', process.execPath, script]);
  t.after(() => child.kill());
  const said = (what: string) => child.until(() => child.stdout().includes(what), what);
  await said('port ');
  const port = Number(/port (\d+)/.exec(child.stdout())?.[1]);
  const starving = () => child.stdout().split('\n').slice(1, -1);
  const isTurnedAway = (line: string) => line === 'EMFILE';
  let clients = 0;
  while (starving().filter(isTurnedAway).length < 3) {
    const client = await RawClient.connect(port);
    await client.closed;
    clients++;
    await child.until(() => starving().length >= clients, 'what became of the client');
  }
  // Those that met a descriptor that Node let go of late were accepted.
  assert.deepEqual(
    [starving().length, starving().filter(line => line !== 'late' && !isTurnedAway(line))],
    [clients, []],
  );
  child.stdin.write('free\n');
  await said('freed');
  const client = await RawClient.connect(port);
  t.after(() => client.destroy());
  await said('accepted');
});
