// User and password between clients, Ringmaster and memcached, in text and in binary.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { describeResponses, packet, responseLength, storeExtras } from '../support/binary-packets.ts';
import { startMemcachedFor } from '../support/memcached-sign-in.ts';
import { connectMemjs } from '../support/memjs.ts';
import { startDaemon } from '../support/pool-daemon.ts';

const SETTINGS = ['memcached_auth: "user:secret"'];

/** A pool with a password, of a memcached that wants the one in `line` from its clients. */
async function start(t: TestContext, line = 'user:secret') {
  const server = await startMemcachedFor(t, line);
  const daemon = await startDaemon(t, { pool: { protocol: 'memcached', servers: [server.port], settings: SETTINGS } });
  return daemon;
}

const PASSWORD = 'set x 0 0 11\r\nuser secret\r\n';
const DENIED = 'CLIENT_ERROR unauthenticated\r\n';

test('a text client gives the password with its first set, and the server gets it', async t => {
  const daemon = await start(t);
  const client = await daemon.client('pool');
  client.send(
    `get k\r\nms k 4\r\nmn\r\n\r\nmn\r\nset x 0 0 5\r\nwrong\r\n${PASSWORD}set k 0 0 1\r\nv\r\nmg k v\r\nget x\r\n`,
  );
  const want = `${DENIED.repeat(3)}CLIENT_ERROR authentication failure\r\nSTORED\r\nSTORED\r\nVA 1\r\nv\r\nEND\r\n`;
  assert.equal((await client.readUntil(want.length)).toString(), want);
  client.destroy();
});

test('a binary client gives it by SASL, also memjs with a user and password', async t => {
  const daemon = await start(t);
  const client = await daemon.client('pool');
  client.send(packet('saslAuth', { key: 'PLAIN', value: '\0user\0secret' }));
  assert.match(describeResponses(await client.readUntil(responseLength))[0]!, /status 0 .*Authenticated/);
  client.send(packet('set', { key: 'k', value: 'v', extras: storeExtras() }));
  assert.match(describeResponses(await client.readUntil(responseLength))[0]!, /^set status 0 /);
  client.destroy();

  const known = connectMemjs(daemon.port('pool'), { username: 'user', password: 'secret' });
  t.after(() => known.close());
  assert.equal(String((await known.get('k')).value), 'v');
  const stranger = await daemon.client('pool');
  stranger.send(packet('get', { key: 'k' }));
  assert.match(describeResponses(await stranger.readToEnd())[0]!, /^get status 32 .*Auth failure/);
});

test('a server that wants another password: clients read that, in their dialect', async t => {
  const daemon = await start(t, 'user:another');
  const text = await daemon.client('pool');
  text.send(`${PASSWORD}get k\r\n`);
  const answer = 'STORED\r\nSERVER_ERROR server refused the proxy: authentication or SELECT failed\r\n';
  assert.equal((await text.readUntil(answer.length)).toString(), answer);
  text.destroy();
  const binary = await daemon.client('pool');
  binary.send(packet('saslAuth', { key: 'PLAIN', value: '\0user\0secret' }));
  await binary.readUntil(responseLength);
  binary.send(packet('get', { key: 'k' }));
  assert.match(describeResponses(await binary.readUntil(responseLength))[0]!, /^get status 132 /);
  binary.destroy();
});
