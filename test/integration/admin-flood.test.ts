// Connections that say nothing, or take nothing, shut nobody out of the admin server and the statistics port.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { askAdmin } from '../support/admin-client.ts';
import { freePort } from '../support/free-port.ts';
import { startRingmaster } from '../support/ringmaster.ts';
import { within } from '../support/wait-for.ts';

async function start(t: TestContext) {
  const [adminPort, statsPort, listen] = [await freePort(), await freePort(), await freePort()];
  const config =
    `admin: 127.0.0.1:${adminPort}\npools:\n  p:\n    listen: 127.0.0.1:${listen}\n    protocol: redis\n` +
    `    servers: ['127.0.0.1:1']\n`;
  const ringmaster = await startRingmaster({
    config,
    workers: 1,
    args: ['-a', '127.0.0.1', '-s', String(statsPort)],
  });
  t.after(() => ringmaster.kill());
  return { adminPort, statsPort };
}

/** So many connections from `address` that send `bytes` and read nothing. */
async function hold(t: TestContext, port: number, count: number, address = '127.0.0.1', bytes = ''): Promise<void> {
  const sockets: Socket[] = [];
  t.after(() => {
    for (const socket of sockets) socket.destroy();
  });
  for (let i = 0; i < count; i++) {
    const socket = connect({ port, host: '127.0.0.1', localAddress: address });
    sockets.push(socket);
    socket.pause().on('error', () => {});
    await once(socket, 'connect');
    if (bytes !== '') socket.write(bytes);
  }
}

async function healthz(port: number): Promise<number> {
  return (await within(askAdmin(port, '/healthz'), { what: '/healthz', timeoutMs: 5000 })).status;
}

async function statsLine(port: number): Promise<object> {
  const socket = connect({ port, host: '127.0.0.1' });
  let text = '';
  socket.setEncoding('utf8').on('data', piece => {
    text += piece;
  });
  await within(once(socket, 'close'), { what: 'the line', timeoutMs: 5000 });
  return JSON.parse(text);
}

test('silent connections, from one address and from many', async t => {
  const { adminPort } = await start(t);
  await hold(t, adminPort, 100);
  assert.equal(await healthz(adminPort), 200);
  for (let i = 2; i < 6; i++) await hold(t, adminPort, 30, `127.0.0.${i}`);
  for (let i = 0; i < 20; i++) assert.equal(await healthz(adminPort), 200);
});

test('requests that never end', async t => {
  const { adminPort } = await start(t);
  await hold(t, adminPort, 100, '127.0.0.1', 'GET /metrics HTTP/1.1\r\nHost: a\r\nX-');
  assert.equal(await healthz(adminPort), 200);
});

test('300 connections to the statistics port that stay', async t => {
  const { statsPort } = await start(t);
  await hold(t, statsPort, 300);
  assert.ok('p' in (await statsLine(statsPort)));
});
