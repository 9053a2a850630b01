// What a client sends to commands that Ringmaster answers itself holds neither the loop nor the memory.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startDaemon } from '../support/pool-daemon.ts';
import { startRedisPool } from '../support/pool-under-test.ts';
import { startRedis } from '../support/redis-server.ts';
import { encodeCommand } from '../support/resp-reader.ts';

const MB = 1 << 20;

test('giant arguments get an error at once, and the connection stays', async t => {
  const pool = await startRedisPool(t);
  const attacker = await pool.client();
  const requests = [
    ['COMMAND', 'LIST', 'FILTERBY', 'PATTERN', `*[${'a'.repeat(2 * MB)}`],
    ['COMMAND', 'INFO', ...Array<string>(100_000).fill('get')],
    ['COMMAND', 'DOCS', ...Array<string>(100_000).fill('get')],
    ['COMMAND', 'GETKEYS', 'MSET', ...Array<string>(100_000).fill('get')],
    ['CONFIG', 'GET', ...Array<string>(100_000).fill('*')],
    ['INFO', ...Array<string>(100_000).fill('server')],
    ['CLIENT', 'LIST', 'ID', ...Array<string>(100_000).fill('1')],
    ['CLIENT', 'SETNAME', 'n'.repeat(5 * MB)],
    ['CLIENT', 'SETINFO', 'LIB-NAME', 'n'.repeat(5 * MB)],
    ['HELLO', '3', 'SETNAME', 'n'.repeat(5 * MB)],
    ['HELLO', '3', 'AUTH', 'default', 'n'.repeat(5 * MB)],
    ['AUTH', 'n'.repeat(5 * MB)],
    ['SELECT', '1'.repeat(5 * MB)],
  ];
  for (const words of requests) {
    attacker.send(encodeCommand(...words));
    const what = words.slice(0, 4).join(' ').slice(0, 40);
    assert.match(String(await attacker.readReply()), /^-ERR '[a-z|]+' cannot have more than 1024 arguments/, what);
    assert.equal(await attacker.command('PING'), 'PONG', what);
  }
});

test('a text of any length comes back from ECHO and PING, as from a server', async t => {
  const pool = await startRedisPool(t);
  const client = await pool.client();
  const direct = await pool.servers[0]!.client();
  for (const name of ['ECHO', 'PING']) {
    for (const length of [0, 1, 65_000, 65_536, 3 * MB]) {
      const request = encodeCommand(name, 'x'.repeat(length));
      client.send(request);
      direct.send(request);
      assert.ok((await client.readReply()).equals(await direct.readReply()), `${name} of ${length} bytes`);
    }
  }
});

test('a name of 537 MB is refused, and the worker lives on', { timeout: 120_000 }, async t => {
  const server = await startRedis();
  t.after(() => server.kill());
  const daemon = await startDaemon(t, {
    p: { protocol: 'redis', servers: [server.port], settings: ['max_request_bytes: 1gb'] },
  });
  const length = 512 * MB;
  const [worker] = daemon.ringmaster.workerPids();
  const client = await daemon.client('p');
  client.send(`*3\r\n$6\r\nCLIENT\r\n$7\r\nSETNAME\r\n$${length}\r\n`);
  const piece = Buffer.alloc(8 * MB, 'n');
  for (let sent = 0; sent < length; sent += piece.length) client.send(piece);
  client.send('\r\n');
  assert.match(String(await client.readReply()), /^-ERR 'client\|setname' cannot have more than /);
  assert.equal(await client.command('PING'), 'PONG');
  assert.deepEqual(daemon.ringmaster.workerPids(), [worker]);
});
