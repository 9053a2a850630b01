// PROXY headers that mean harm: from a balancer that passes on what its clients make up, and from who is none.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type Daemon, startDaemon } from '../support/pool-daemon.ts';
import { proxyTwo } from '../support/proxy-headers.ts';
import type { RawClient } from '../support/raw-client.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { encodeCommand } from '../support/resp-reader.ts';

const ONE = 'PROXY TCP4 192.0.2.7 192.0.2.1 4711 6379\r\n';
const TWO = { source: '192.0.2.7', target: '192.0.2.1', ports: [4711, 6379] } as const;
const PING = encodeCommand('PING');
const WRITE = encodeCommand('SET', 'smuggled', '1');

async function start(
  t: TestContext,
  settings: readonly string[],
): Promise<{ daemon: Daemon; server: RedisServer; client(): Promise<RawClient> }> {
  const server = await startRedis();
  t.after(() => server.kill());
  const daemon = await startDaemon(t, { p: { protocol: 'redis', servers: [server.port], settings } });
  return {
    daemon,
    server,
    async client() {
      const client = await daemon.client('p');
      t.after(() => client.destroy());
      return client;
    },
  };
}

const trusted = ['proxy_protocol: 127.0.0.1'];

test('what stands inside a header is never a request', async t => {
  const { client, server } = await start(t, trusted);
  const one = await client();
  // As HAProxy's TLVs are, where a client chooses what is in them (a server name).
  one.send(
    Buffer.concat([proxyTwo({ ...TWO, more: Buffer.concat([WRITE, Buffer.from('SET smuggled 1\r\n')]) }), PING]),
  );
  assert.equal(String(await one.readUntil(7)), '+PONG\r\n');
  // Addresses of a family that is not read are passed over whole.
  const other = await client();
  other.send(Buffer.concat([proxyTwo({ family: 0x31, more: WRITE }), PING]));
  assert.equal(String(await other.readUntil(7)), '+PONG\r\n');
  const local = await client();
  local.send(Buffer.concat([proxyTwo({ command: 0, more: WRITE }), PING]));
  assert.equal(String(await local.readUntil(7)), '+PONG\r\n');
  assert.equal(await server.command('EXISTS', 'smuggled'), 0);
});

test('a header that lies about its length swallows no more than that, and reads nothing as it should not', async t => {
  const { client, server } = await start(t, trusted);
  // Longer than it is: what follows is still header.
  const one = await client();
  const header = proxyTwo(TWO);
  header.writeUInt16BE(12 + WRITE.length, 14);
  one.send(Buffer.concat([header, WRITE, PING]));
  assert.equal(String(await one.readUntil(7)), '+PONG\r\n');
  // Shorter than its addresses, and longer than any.
  for (const length of [0, 11, 65_535]) {
    const lying = await client();
    const bytes = proxyTwo(TWO);
    bytes.writeUInt16BE(length, 14);
    lying.send(Buffer.concat([bytes, WRITE]));
    assert.equal((await lying.readToEnd()).length, 0, String(length));
  }
  assert.equal(await server.command('EXISTS', 'smuggled'), 0);
});

test('only the first header counts: a second one is bytes of the client', async t => {
  const { client } = await start(t, trusted);
  const one = await client();
  one.send(Buffer.concat([Buffer.from(ONE), encodeCommand('CLIENT', 'INFO')]));
  assert.match(String(await one.readReply()), / addr=192\.0\.2\.7:4711 /);
  one.send(Buffer.concat([Buffer.from('PROXY TCP4 10.9.9.9 10.9.9.8 1 2\r\n'), encodeCommand('CLIENT', 'INFO')]));
  assert.match(String(await one.readReply()), /^-ERR unknown command/);
  assert.match(String(await one.readReply()), / addr=192\.0\.2\.7:4711 /);
  const two = await client();
  two.send(Buffer.concat([proxyTwo(TWO), proxyTwo({ ...TWO, source: '10.9.9.9' }), encodeCommand('CLIENT', 'INFO')]));
  // It has a QUIT in it, for servers that do not know it.
  assert.equal(String(await two.readToEnd()), '+OK\r\n');
});

test('headers of version 1 that are nearly right are refused', async t => {
  const { client, server } = await start(t, trusted);
  for (const line of [
    'PROXY TCP4 192.0.2.7 192.0.2.1 4711 6379\n',
    'PROXY TCP4 192.0.2.7 192.0.2.1 4711\r\n',
    'PROXY TCP4 192.0.2.7 192.0.2.1 65536 6379\r\n',
    'PROXY TCP4 192.0.2.7 192.0.2.1 -1 6379\r\n',
    'PROXY TCP4 192.0.2.7 192.0.2.1 0x1f 6379\r\n',
    'PROXY TCP4 192.0.2.07 192.0.2.1 4711 6379\r\n',
    'PROXY TCP4 192.0.2.256 192.0.2.1 4711 6379\r\n',
    'PROXY TCP4 ::1 ::1 4711 6379\r\n',
    'PROXY TCP6 192.0.2.7 192.0.2.1 4711 6379\r\n',
    'PROXY TCP4  192.0.2.7 192.0.2.1 4711 6379\r\n',
    'PROXY UDP4 192.0.2.7 192.0.2.1 4711 6379\r\n',
    'proxy TCP4 192.0.2.7 192.0.2.1 4711 6379\r\n',
    `PROXY TCP4 ${'1'.repeat(200)}\r\n`,
    ` ${ONE}`,
    `\r\n${ONE}`,
  ]) {
    const one = await client();
    one.send(Buffer.concat([Buffer.from(line), WRITE]));
    // The line that does not end as it must waits for more: no more comes.
    one.end();
    assert.equal((await one.readToEnd()).length, 0, line);
  }
  assert.equal(await server.command('EXISTS', 'smuggled'), 0);
});

test('who is no balancer can not name another address, in whatever version', async t => {
  const { client, server } = await start(t, ['proxy_protocol: 192.0.2.99']);
  const one = await client();
  one.send(Buffer.concat([Buffer.from(ONE), encodeCommand('CLIENT', 'INFO')]));
  assert.match(String(await one.readReply()), /^-ERR unknown command/);
  assert.match(String(await one.readReply()), / addr=127\.0\.0\.1:\d+ /);
  const two = await client();
  two.send(Buffer.concat([proxyTwo(TWO), WRITE]));
  two.end();
  await two.readToEnd();
  assert.equal(await server.command('GET', 'smuggled').then(String), 'null');
});

test('balancers that send half a header and wait do not keep others from being served', async t => {
  const { client } = await start(t, trusted);
  const halves = await Promise.all(Array.from({ length: 200 }, () => client()));
  for (const [i, half] of halves.entries()) half.send(Buffer.from(ONE).subarray(0, 1 + (i % (ONE.length - 1))));
  const good = await client();
  good.send(Buffer.concat([Buffer.from(ONE), PING]));
  assert.equal(String(await good.readUntil(7)), '+PONG\r\n');
  for (const [i, half] of halves.entries()) {
    half.send(Buffer.concat([Buffer.from(ONE).subarray(1 + (i % (ONE.length - 1))), PING]));
    assert.equal(String(await half.readUntil(7)), '+PONG\r\n');
  }
});
