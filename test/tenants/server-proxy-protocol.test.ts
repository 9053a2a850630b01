// Servers behind a proxy that wants a PROXY header of each connection.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { askInOnePiece as ask } from '../support/ask-in-one-piece.ts';
import { Authority } from '../support/certificates.ts';
import { Child, run, temporaryDirectory } from '../support/child.ts';
import { freePort } from '../support/free-port.ts';
import { startMemcached } from '../support/memcached-server.ts';
import { startDaemon } from '../support/pool-daemon.ts';
import { RawClient } from '../support/raw-client.ts';
import { startRedis } from '../support/redis-server.ts';
import { waitFor } from '../support/wait-for.ts';

const HEADERS = {
  v1: 'PROXY UNKNOWN\r\n',
  v2: '\r\n\r\n\0\r\nQUIT\n\x20\0\0\0',
} as const;

/** HAProxy in front of a server, which takes only connections that begin with a header; its port. */
async function behindHaproxy(t: TestContext, server: number, ssl = ''): Promise<number> {
  const port = await freePort();
  const file = path.join(temporaryDirectory('haproxy'), 'haproxy.cfg');
  const lines = [
    'defaults',
    '  mode tcp',
    '  timeout connect 5s',
    '  timeout client 30s',
    '  timeout server 30s',
    'listen front',
    `  bind 127.0.0.1:${port} accept-proxy ${ssl}`,
    `  server one 127.0.0.1:${server}`,
    '',
  ];
  writeFileSync(file, lines.join('\n'));
  const haproxy = new Child('haproxy', ['-f', file, '-db']);
  t.after(() => haproxy.kill());
  await waitFor(
    async () => {
      const client = await RawClient.connect(port).catch(() => null);
      client?.destroy();
      return client !== null;
    },
    { what: 'haproxy' },
  );
  return port;
}

for (const version of ['v1', 'v2'] as const) {
  test(`${version}: the header is the first that a server hears, once for each connection`, async t => {
    const heard: Buffer[][] = [];
    const server = createServer(socket => {
      const pieces: Buffer[] = [];
      heard.push(pieces);
      socket.on('data', (piece: Buffer) => {
        pieces.push(piece);
        socket.write('+PONG\r\n'.repeat(piece.toString('latin1').split('PING').length - 1));
      });
      socket.on('error', () => {});
    });
    server.listen(0, '127.0.0.1');
    t.after(() => server.close());
    await new Promise(resolve => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    const settings = [`server_proxy_protocol: ${version}`, 'preconnect: true', 'server_connections: 2'];
    const daemon = await startDaemon(t, { p: { protocol: 'redis', servers: [port], settings } });
    const client = await daemon.client('p');
    client.send('*2\r\n$3\r\nGET\r\n$1\r\nk\r\n');
    const all = () => heard.map(pieces => Buffer.concat(pieces).toString('latin1'));
    await waitFor(() => all().some(text => text.includes('GET')), { what: 'the request' });
    // One that was accepted may not have been heard yet.
    await waitFor(() => all().every(text => text.length >= HEADERS[version].length), { what: 'a begin of each' });
    for (const text of all()) assert.equal(text.slice(0, HEADERS[version].length), HEADERS[version]);
    const [asked] = all().filter(text => text.includes('GET'));
    assert.equal(asked, `${HEADERS[version]}*2\r\n$3\r\nGET\r\n$1\r\nk\r\n`);
    client.destroy();
  });

  test(`${version}: a redis-server behind HAProxy: requests, transactions, channels, health and readiness`, async t => {
    const redis = await startRedis({ requirepass: 'secret' });
    t.after(() => redis.kill());
    const port = await behindHaproxy(t, redis.port);
    const settings = [`server_proxy_protocol: ${version}`, 'redis_auth: secret', 'health_check: { interval: 100ms }'];
    const daemon = await startDaemon(t, { p: { protocol: 'redis', servers: [port], settings } });
    const client = await daemon.client('p');
    assert.equal(await ask(client, ['AUTH', 'secret'], ['SET', 'k', 'v'], ['GET', 'k']), '+OK\r\n+OK\r\n$1\r\nv\r\n');
    assert.equal(
      await ask(client, ['WATCH', 'k'], ['MULTI'], ['GET', 'k'], ['EXEC']),
      '+OK\r\n+OK\r\n+QUEUED\r\n*1\r\n$1\r\nv\r\n',
    );
    const listener = await daemon.client('p');
    await ask(listener, ['AUTH', 'secret']);
    assert.match(await ask(listener, ['SUBSCRIBE', 'c']), /^\*3\r\n\$9\r\nsubscribe/);
    assert.equal(await ask(client, ['PUBLISH', 'c', 'hello']), ':1\r\n');
    assert.match((await listener.readReply()).toString(), /hello/);
    await waitFor(async () => (await daemon.page('/readyz')).status === 200, { what: 'the pool to be ready' });
    await waitFor(async () => (await daemon.metric('ringmaster_server_health_checks_total', { pool: 'p' })) >= 3, {
      what: 'health checks',
    });
    assert.equal(await daemon.metric('ringmaster_server_health_check_failures_total', { pool: 'p' }), 0);
    const online = await run('node', [
      ...[new URL('../../src/main.ts', import.meta.url).pathname],
      'check',
      '--online',
      daemon.ringmaster.configFile,
    ]);
    assert.match(online.stdout, /Redis 7|redis 7/);
    for (const each of [client, listener]) each.destroy();
  });
}

test('without it HAProxy lets nobody through', async t => {
  const redis = await startRedis();
  t.after(() => redis.kill());
  const port = await behindHaproxy(t, redis.port);
  const daemon = await startDaemon(t, { p: { protocol: 'redis', servers: [port] } });
  const client = await daemon.client('p');
  assert.match(await ask(client, ['GET', 'k']), /^-ERR /);
  client.destroy();
});

test('TLS comes behind the header', async t => {
  const redis = await startRedis();
  t.after(() => redis.kill());
  const authority = await Authority.create();
  const { cert, key } = await authority.sign('haproxy');
  const pem = path.join(authority.dir, 'both.pem');
  writeFileSync(pem, readFileSync(cert, 'latin1') + readFileSync(key, 'latin1'));
  const port = await behindHaproxy(t, redis.port, `ssl crt ${pem}`);
  const settings = [
    'server_proxy_protocol: v2',
    `server_tls: { ca: ${authority.cert} }`,
    'health_check: { interval: 100ms }',
  ];
  const daemon = await startDaemon(t, { p: { protocol: 'redis', servers: [port], settings } });
  const client = await daemon.client('p');
  assert.equal(await ask(client, ['SET', 'k', 'v'], ['GET', 'k']), '+OK\r\n$1\r\nv\r\n');
  client.destroy();
});

test('memcached, and a reload that switches it on', async t => {
  const memcached = await startMemcached();
  t.after(() => memcached.kill());
  const port = await behindHaproxy(t, memcached.port);
  const daemon = await startDaemon(t, { p: { protocol: 'memcached', servers: [port] } });
  const client = await daemon.client('p');
  client.send('get k\r\n');
  assert.match((await client.readLine()).toString(), /^SERVER_ERROR /);
  const text = readFileSync(daemon.ringmaster.configFile, 'utf8');
  daemon.ringmaster.writeConfig(
    text.replace('protocol: memcached', 'protocol: memcached\n    server_proxy_protocol: v2'),
  );
  const answer = await fetch(`http://127.0.0.1:${daemon.adminPort}/-/reload`, { method: 'POST' });
  assert.equal(answer.status, 200);
  client.send('set k 0 0 1\r\nv\r\nget k\r\n');
  assert.equal((await client.readUntil('END\r\n')).toString(), 'STORED\r\nVALUE k 0 1\r\nv\r\nEND\r\n');
  client.destroy();
});
