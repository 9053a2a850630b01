// One port for several pools: the name that a client asks TLS for (SNI) chooses the pool.
import assert from 'node:assert/strict';
import { before, type TestContext, test } from 'node:test';
import { connect } from 'node:tls';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { Authority, type CertificateFiles } from '../support/certificates.ts';
import { run } from '../support/child.ts';
import { type Daemon, startDaemon } from '../support/pool-daemon.ts';
import { RawClient } from '../support/raw-client.ts';
import { startRedis } from '../support/redis-server.ts';
import { untilEqual, waitForEvent } from '../support/wait-for.ts';

let authority: Authority;
let certificate: CertificateFiles;

before(async () => {
  authority = await Authority.create();
  certificate = await authority.sign('port', 'DNS:a.test,DNS:*.b.test,DNS:localhost,IP:127.0.0.1');
});

const POOLS = 'pools: { a.test: a, "*.b.test": b }';

async function start(t: TestContext, pools = POOLS): Promise<Daemon> {
  const servers = [await startRedis(), await startRedis()] as const;
  for (const server of servers) t.after(() => server.kill());
  const listenTls = `listen_tls: { cert: ${certificate.cert}, key: ${certificate.key} }`;
  const daemon = await startDaemon(
    t,
    {
      front: { protocol: 'redis', servers: [], settings: ['pool_by: server_name', pools, listenTls] },
      a: { protocol: 'redis', servers: [servers[0].port], hasNoPort: true },
      b: { protocol: 'redis', servers: [servers[1].port], hasNoPort: true },
    },
    { workers: 2 },
  );
  await servers[0].command('SET', 'who', 'a');
  await servers[1].command('SET', 'who', 'b');
  return daemon;
}

async function who(
  daemon: Daemon,
  servername: string | undefined,
  version: 'TLSv1.2' | 'TLSv1.3' = 'TLSv1.3',
): Promise<string> {
  const socket = connect({
    host: '127.0.0.1',
    port: daemon.port('front'),
    ca: authority.pem(),
    maxVersion: version,
    ...(servername !== undefined && { servername }),
  });
  await waitForEvent(socket, 'secureConnect', { what: 'the handshake' });
  const client = new RawClient(socket);
  client.send('*2\r\n$3\r\nGET\r\n$3\r\nwho\r\n');
  const reply = await client.readReply().catch(() => Buffer.from('closed'));
  client.destroy();
  return reply.toString();
}

test('the name that TLS is asked for leads to the pool, in both versions', async t => {
  const daemon = await start(t);
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    assert.equal(await who(daemon, 'a.test', version), '$1\r\na\r\n');
    assert.equal(await who(daemon, 'x.b.test', version), '$1\r\nb\r\n');
    assert.equal(await who(daemon, 'X.B.test', version), '$1\r\nb\r\n');
  }
});

test('whoever asks for no name, or for one that leads nowhere, is closed, and the log says why', async t => {
  const daemon = await start(t);
  assert.equal(await who(daemon, undefined), 'closed');
  assert.equal(await who(daemon, 'localhost'), 'closed');
  const lines = () => daemon.logged(/^client refused: the port leads to no pool of that name$/);
  await untilEqual(() => lines().length, 2, 'lines');
  assert.deepEqual(
    lines().map(({ serverName }) => serverName),
    ['', 'localhost'],
  );
});

test('* is for all others', async t => {
  const daemon = await start(t, 'pools: { a.test: a, "*": b }');
  assert.equal(await who(daemon, 'a.test'), '$1\r\na\r\n');
  assert.equal(await who(daemon, 'localhost'), '$1\r\nb\r\n');
  assert.equal(await who(daemon, undefined), '$1\r\nb\r\n');
});

test('redis-cli --sni, ioredis and node-redis', async t => {
  const daemon = await start(t);
  const port = daemon.port('front');
  const cli = (name: string) =>
    run('redis-cli', ['-p', String(port), '--tls', '--cacert', authority.cert, '--sni', name, 'get', 'who']);
  assert.equal((await cli('a.test')).stdout.trim(), 'a');
  assert.equal((await cli('y.b.test')).stdout.trim(), 'b');
  const tls = { ca: authority.pem(), servername: 'x.b.test' };
  const ioredis = new Redis({ port, host: '127.0.0.1', tls });
  assert.equal(await ioredis.get('who'), 'b');
  ioredis.disconnect();
  const nodeRedis = createClient({ socket: { port, host: '127.0.0.1', tls: true, ...tls } });
  await nodeRedis.connect();
  assert.equal(await nodeRedis.get('who'), 'b');
  nodeRedis.destroy();
});
