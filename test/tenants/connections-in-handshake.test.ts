// Who has yet to say who it is counts as a connection: in a TLS handshake at its address and its pool, before its PROXY header at the pool.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { Authority } from '../support/certificates.ts';
import { type Daemon, startDaemon } from '../support/pool-daemon.ts';
import { RawClient } from '../support/raw-client.ts';
import { startRedis } from '../support/redis-server.ts';
import { encodeCommand } from '../support/resp-reader.ts';
import { waitFor, waitForEvent } from '../support/wait-for.ts';

const FULL = '-ERR max number of clients reached\r\n';
/** As in proxy/entrance/greeting-places.ts. */
const UNPLACED_MAX = 16;

async function start(t: TestContext, settings: readonly string[]): Promise<Daemon> {
  const server = await startRedis();
  t.after(() => server.kill());
  return await startDaemon(t, { p: { protocol: 'redis', servers: [server.port], settings } }, { workers: 1 });
}

/** A connection on which nothing is sent. */
async function silent(t: TestContext, daemon: Daemon): Promise<Socket> {
  const socket = connectTcp(daemon.port('p'), '127.0.0.1');
  socket.on('error', () => {});
  t.after(() => socket.destroy());
  await waitForEvent(socket, 'connect', { what: 'a connection' });
  return socket;
}

async function overTls(t: TestContext, daemon: Daemon, authority: Authority): Promise<RawClient> {
  const socket: TLSSocket = connect({
    port: daemon.port('p'),
    host: '127.0.0.1',
    ca: authority.pem(),
    servername: 'localhost',
  });
  socket.on('error', () => {});
  t.after(() => socket.destroy());
  await waitForEvent(socket, 'secureConnect', { what: 'a handshake' });
  return new RawClient(socket);
}

/** What the client reads for a PING, or for having come. */
async function answerTo(client: RawClient): Promise<string> {
  client.send(encodeCommand('PING'));
  return String(await client.readReply());
}

test('handshakes that go on count at the address and at the pool; one too many reads why, many too many are closed', async t => {
  const authority = await Authority.create();
  const { cert, key } = await authority.sign('pool');
  // Who is silent is closed for being one too many, or not at all.
  const tls = `listen_tls: { cert: ${cert}, key: ${key}, handshake_timeout: 10m }`;
  for (const limit of ['address_limits: { connections: 2 }', 'client_connections: 2']) {
    const daemon = await start(t, [tls, limit]);
    const [first] = [await silent(t, daemon), await silent(t, daemon)];
    assert.equal(await answerTo(await overTls(t, daemon, authority)), FULL);
    await daemon.untilMetric('ringmaster_pool_clients_turned_away_total', { pool: 'p' }, 1);
    first.destroy();
    await waitFor(async () => (await answerTo(await overTls(t, daemon, authority))) === '+PONG\r\n', {
      what: 'the place of one that has left',
    });
    const others = [];
    for (let i = 0; i < UNPLACED_MAX; i++) others.push(await silent(t, daemon));
    const last = await silent(t, daemon);
    last.resume();
    if (!last.closed) await once(last, 'close');
    assert.ok(others.every(({ destroyed }) => !destroyed));
  }
});

test('who waits for a PROXY header counts at the pool, and at the address that it names once it is there', async t => {
  const as = (address: string) => Buffer.from(`PROXY TCP4 ${address} 10.0.0.1 1 2\r\n`);
  const ofPool = await start(t, ['proxy_protocol: [127.0.0.1]', 'client_connections: 2']);
  const first = await silent(t, ofPool);
  await silent(t, ofPool);
  const third = await ofPool.client('p');
  t.after(() => third.destroy());
  third.send(as('10.1.1.1'));
  assert.equal(await answerTo(third), FULL);
  first.write(Buffer.concat([as('10.1.1.1'), encodeCommand('PING')]));
  assert.equal(String((await once(first, 'data'))[0]), '+PONG\r\n');

  const ofAddress = await start(t, ['proxy_protocol: [127.0.0.1]', 'address_limits: { connections: 1 }']);
  for (let i = 0; i < 3; i++) await silent(t, ofAddress);
  const answers = [];
  for (const address of ['10.1.1.1', '10.1.1.2', '10.1.1.1']) {
    const client = await ofAddress.client('p');
    t.after(() => client.destroy());
    client.send(as(address));
    answers.push(await answerTo(client));
  }
  assert.deepEqual(answers, ['+PONG\r\n', '+PONG\r\n', FULL]);
});
