// Clients that come through a balancer, which says who they are; and who may come in at all.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { connect } from 'node:tls';
import { Authority } from '../support/certificates.ts';
import { Child, temporaryDirectory } from '../support/child.ts';
import { freePort } from '../support/free-port.ts';
import { startMemcached } from '../support/memcached-server.ts';
import { type Daemon, startDaemon } from '../support/pool-daemon.ts';
import { proxyTwo } from '../support/proxy-headers.ts';
import { RawClient } from '../support/raw-client.ts';
import { startRedis } from '../support/redis-server.ts';
import { waitFor, waitForEvent } from '../support/wait-for.ts';

const HEADER = Buffer.from('PROXY TCP4 192.0.2.7 10.0.0.1 4711 6379\r\n');
const PING = 'PING\r\n';

async function redisPool(t: TestContext, ...settings: string[]): Promise<Daemon> {
  const redis = await startRedis();
  t.after(() => redis.kill());
  return startDaemon(t, { p: { protocol: 'redis', servers: [redis.port], settings } });
}

async function connected(t: TestContext, daemon: Daemon): Promise<RawClient> {
  const client = await daemon.client('p');
  t.after(() => client.destroy());
  return client;
}

const addressIn = async (client: RawClient) => / addr=(\S+)/.exec(String(await client.command('CLIENT', 'INFO')))?.[1];

test('a header that comes in two pieces, split anywhere, and requests behind it', async t => {
  const daemon = await redisPool(t, 'proxy_protocol: 127.0.0.0/8');
  const two = proxyTwo({ source: '2001:db8::7', target: '::1', ports: [1, 2], more: Buffer.alloc(9, 1) });
  for (const [header, address] of [
    [HEADER, '192.0.2.7:4711'],
    [two, '[2001:db8::7]:1'],
  ] as const) {
    const bytes = Buffer.concat([header, Buffer.from(PING + PING)]);
    await Promise.all(
      Array.from({ length: bytes.length }, async (_, split) => {
        const client = await connected(t, daemon);
        client.send(bytes.subarray(0, split));
        // What was sent is on its way before the rest is.
        await new Promise(setImmediate);
        client.send(bytes.subarray(split));
        assert.equal(String(await client.readUntil(14)), '+PONG\r\n+PONG\r\n', `${split}`);
        assert.equal(await addressIn(client), address);
        client.destroy();
      }),
    );
  }
});

test('a client that ends its side right behind its requests gets its answers', async t => {
  const daemon = await redisPool(t, 'proxy_protocol: 127.0.0.1');
  const client = await connected(t, daemon);
  client.socket.end(Buffer.concat([HEADER, Buffer.from(PING.repeat(3))]));
  assert.equal(String(await client.readUntil(21)), '+PONG\r\n'.repeat(3));
  await client.closed;
});

test('a balancer that sends no header, or half of one, is closed, and the log says why', async t => {
  const daemon = await redisPool(t, 'proxy_protocol: 127.0.0.1');
  const client = await connected(t, daemon);
  client.send(PING);
  await client.closed;
  const half = await connected(t, daemon);
  half.socket.end(HEADER.subarray(0, 20));
  await half.closed;
  const { ringmaster } = daemon;
  const words = ['it does not begin with a header of the PROXY protocol', 'it ended before its PROXY header did'];
  await ringmaster.until(() => words.every(each => ringmaster.stderr().includes(each)), 'both reasons');
  // It would be no client: the next one is.
  const next = await connected(t, daemon);
  next.send(Buffer.concat([HEADER, Buffer.from(PING)]));
  assert.equal(String(await next.readReply()), '+PONG\r\n');
});

test('who is no balancer is a client, and its header is no request', async t => {
  const daemon = await redisPool(t, 'proxy_protocol: [10.0.0.0/8]');
  const client = await connected(t, daemon);
  assert.equal(String(await client.command('PING')), 'PONG');
  client.send(HEADER);
  assert.match(String(await client.readReply()), /^-ERR unknown command/);
});

test('allow and deny go by the address that the balancer names', async t => {
  const daemon = await redisPool(
    t,
    'proxy_protocol: 127.0.0.1',
    'allow: [192.0.2.0/24, "2001:db8::/32"]',
    'deny: 192.0.2.66',
  );
  const pongFor = async (source: string) => {
    const client = await connected(t, daemon);
    const target = source.includes(':') ? '::1' : '10.0.0.1';
    client.send(Buffer.concat([proxyTwo({ source, target, ports: [1, 2] }), Buffer.from(PING)]));
    return client.readReply().then(String, () => 'closed');
  };
  assert.equal(await pongFor('192.0.2.7'), '+PONG\r\n');
  assert.equal(await pongFor('2001:db8::1'), '+PONG\r\n');
  assert.equal(await pongFor('192.0.2.66'), 'closed');
  assert.equal(await pongFor('198.51.100.1'), 'closed');
  const denied = 'ringmaster_pool_clients_denied_total';
  await waitFor(async () => (await daemon.metric(denied)) === 2, { what: 'both to be counted' });
  // The balancer's own connection, to see if we are there.
  const client = await connected(t, daemon);
  client.send(Buffer.concat([proxyTwo({ command: 0, family: 0 }), Buffer.from(PING)]));
  await client.closed;
});

test('without balancers, allow and deny go by the connection itself, also after a change', async t => {
  const daemon = await redisPool(t, 'deny: 127.0.0.1');
  const refused = await connected(t, daemon);
  await refused.closed;
  const answer = await fetch(`http://127.0.0.1:${daemon.adminPort}/api/v1/settings`, {
    method: 'PATCH',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ set: { 'p.deny': '10.0.0.0/8' } }),
  });
  assert.equal(answer.status, 200, await answer.text());
  const client = await connected(t, daemon);
  assert.equal(String(await client.command('PING')), 'PONG');
});

test('TLS begins behind the header', async t => {
  const authority = await Authority.create();
  const { cert, key } = await authority.sign('proxy');
  const daemon = await redisPool(t, 'proxy_protocol: 127.0.0.1', `listen_tls: { cert: ${cert}, key: ${key} }`);
  const plain = await connected(t, daemon);
  plain.socket.removeAllListeners('data');
  plain.send(HEADER);
  const socket = connect({ socket: plain.socket, host: '127.0.0.1', ca: authority.pem() });
  await waitForEvent(socket, 'secureConnect', { what: 'the handshake' });
  const client = new RawClient(socket);
  assert.equal(await addressIn(client), '192.0.2.7:4711');
  client.destroy();
});

test('a header that is half there while the pool begins to speak TLS ends as it began', async t => {
  const authority = await Authority.create();
  const { cert, key } = await authority.sign('proxy');
  const daemon = await redisPool(t, 'proxy_protocol: 127.0.0.1');
  const { ringmaster } = daemon;
  const openFiles = () => readdirSync(`/proc/${ringmaster.workerPids()[0]}/fd`).length;
  const before = openFiles();
  const client = await connected(t, daemon);
  client.send(HEADER.subarray(0, 20));
  // It is no client before its header is whole, and counted nowhere.
  await waitFor(() => openFiles() > before, { what: 'it to be accepted' });
  const text = readFileSync(ringmaster.configFile, 'utf8');
  ringmaster.writeConfig(text.replace(/^( *)proxy_protocol:.*$/m, `$&\n$1listen_tls: { cert: ${cert}, key: ${key} }`));
  const answer = await fetch(`http://127.0.0.1:${daemon.adminPort}/-/reload`, { method: 'POST' });
  assert.equal(answer.status, 200, await answer.text());
  client.send(Buffer.concat([HEADER.subarray(20), Buffer.from(PING)]));
  assert.equal(String(await client.readReply()), '+PONG\r\n');
  assert.equal(await addressIn(client), '192.0.2.7:4711');
});

test('through HAProxy, by either version, with its health checks', async t => {
  const redis = await startRedis();
  t.after(() => redis.kill());
  const memcached = await startMemcached();
  t.after(() => memcached.kill());
  const settings = ['proxy_protocol: 127.0.0.1'];
  const daemon = await startDaemon(t, {
    p: { protocol: 'redis', servers: [redis.port], settings },
    m: { protocol: 'memcached', servers: [memcached.port], settings },
  });
  const [one, two, three] = [await freePort(), await freePort(), await freePort()];
  const file = path.join(temporaryDirectory('haproxy'), 'haproxy.cfg');
  const section = (name: string, port: number, pool: string, how: string) => `listen ${name}
  bind 127.0.0.1:${port}
  server s 127.0.0.1:${daemon.port(pool)} ${how} check inter 100ms check-send-proxy
`;
  const text = `defaults
  mode tcp
  timeout connect 5s
  timeout client 60s
  timeout server 60s
${section('one', one, 'p', 'send-proxy')}${section('two', two, 'p', 'send-proxy-v2')}${section('three', three, 'm', 'send-proxy-v2')}`;
  writeFileSync(file, text);
  const haproxy = new Child('haproxy', ['-f', file, '-db']);
  t.after(() => haproxy.kill());
  for (const port of [one, two]) {
    const client = await waitFor(() => RawClient.connect(port).catch(() => null), { what: 'HAProxy to listen' });
    t.after(() => client.destroy());
    const { localPort } = client.socket;
    assert.equal(await addressIn(client), `127.0.0.1:${localPort}`);
    const value = 'x'.repeat(1_000_000);
    assert.equal(String(await client.command('SET', 'large', value)), 'OK');
    assert.equal(String(await client.command('GET', 'large')), value);
  }
  const client = await RawClient.connect(three);
  t.after(() => client.destroy());
  client.send('version\r\n');
  assert.match(String(await client.readUntil('\r\n')), /^VERSION /);
});
