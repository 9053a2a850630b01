// INFO of a pool of several servers, as one.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startRedisPool } from '../support/pool-under-test.ts';
import { encodeCommand } from '../support/resp-reader.ts';

test('INFO adds up what the servers have, and names those that answer', async t => {
  const pool = await startRedisPool(t, { servers: 3 });
  const client = await pool.client();
  for (let i = 0; i < 40; i++) await client.command('SET', `k${i}`, 'v');
  const text = String(await client.command('INFO'));
  assert.match(text, /^# Server\r\nredis_version:7\./);
  assert.match(text, /\r\nrole:master\r\n/);
  assert.match(text, /\r\nmaxmemory_policy:noeviction\r\n/);
  assert.match(text, /\r\nloading:0\r\n/);
  assert.match(text, /\r\nused_memory:\d+\r\nused_memory_human:\d+\.\d\dM\r\n/);
  assert.match(text, /# Keyspace\r\ndb0:keys=40,expires=0,avg_ttl=0\r\n\r\n# Ringmaster\r\n/);
  assert.match(text, /\r\nringmaster_servers:3\r\nringmaster_servers_answering:3\r\n/);
  assert.doesNotMatch(text, /\r\n(?:tcp_port|run_id):/);
  assert.equal(String(await client.command('INFO', 'keyspace')), '# Keyspace\r\ndb0:keys=40,expires=0,avg_ttl=0\r\n');
  client.send('info keyspace\r\n');
  assert.match(String(await client.readReply()), /^\$45\r\n# Keyspace\r\ndb0:keys=40/);

  await client.command('HELLO', 3);
  client.send(encodeCommand('INFO', 'Replication'));
  assert.match(String(await client.readReply()), /^=\d+\r\ntxt:# Replication\r\nrole:master\r\n/);
});

test('INFO of one server, by its name', async t => {
  const pool = await startRedisPool(t, { servers: 2 });
  const client = await pool.client();
  for (const i of [0, 1]) {
    const text = String(await client.command('INFO', `server-${i}`, 'server'));
    assert.match(text, new RegExp(`\r\ntcp_port:${pool.servers[i]!.port}\r\n`));
    assert.doesNotMatch(text, /# Ringmaster/);
  }
});

test('a server that is down is left out of INFO, and without any it is an error', async t => {
  const pool = await startRedisPool(t, { servers: 2 });
  const client = await pool.client();
  await pool.servers[1]!.kill();
  const text = String(await client.command('INFO', 'server', 'ringmaster'));
  assert.match(text, new RegExp(`\r\ntcp_port:${pool.servers[0]!.port}\r\n`));
  assert.match(text, /\r\nringmaster_servers:2\r\nringmaster_servers_answering:1\r\n/);
  await pool.servers[0]!.kill();
  client.send(encodeCommand('INFO', 'server'));
  assert.match(String(await client.readReply()), /^-ERR Connection re(?:fused|set)/);
  assert.match(String(await client.command('INFO', 'ringmaster')), /ringmaster_servers:2/);
});

test('inside a transaction INFO is that of its server', async t => {
  const pool = await startRedisPool(t, { servers: 2 });
  const client = await pool.client();
  client.send(
    Buffer.concat(['MULTI', 'SET k v', 'INFO server', 'EXEC'].map(line => encodeCommand(...line.split(' ')))),
  );
  const replies = (await client.readReplies(4)).map(String);
  assert.deepEqual(replies.slice(0, 3), ['+OK\r\n', '+QUEUED\r\n', '+QUEUED\r\n']);
  assert.match(replies[3]!, /^\*2\r\n\+OK\r\n\$\d+\r\n# Server\r\n/);
});
