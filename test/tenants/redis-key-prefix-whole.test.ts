// A transaction that comes whole under a key prefix goes over the connection that all share, as one without a prefix does.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commandWords } from '../support/command-words.ts';
import { startDaemon } from '../support/pool-daemon.ts';
import { startRedis } from '../support/redis-server.ts';
import { encodeCommand } from '../support/resp-reader.ts';

const PREFIX = 'app:';

test('it needs no connection of its own, has the names of its client, and nothing of others gets inside', async t => {
  const servers = await Promise.all([startRedis(), startRedis()]);
  t.after(() => Promise.all(servers.map(server => server.kill())));
  const settings = [`key_prefix: '${PREFIX}'`, "hash_tag: '{}'", 'private_connections: 1', 'queue_timeout: 200ms'];
  const pool = { protocol: 'redis', servers: servers.map(({ port }) => port), settings } as const;
  const daemon = await startDaemon(t, { pool });
  const connect = async () => {
    const client = await daemon.client('pool');
    t.after(() => client.destroy());
    return client;
  };
  const [holder, client] = await Promise.all([connect(), connect()]);
  // The only private connection of the server is taken.
  assert.equal(await holder.command('WATCH', '{a}w'), 'OK');
  await client.command('RPUSH', '{a}l', 'x', 'y');
  await client.command('XADD', '{a}s', '1-1', 'f', 'app:v');
  const inside = [
    'LMPOP 2 {a}none {a}l LEFT',
    'GET {a}k',
    'XREAD STREAMS {a}s 0',
    'XINFO GROUPS {a}x',
    'BLPOP {a}l 0',
    'PING',
  ];
  const script = [['MULTI'], ...inside.map(line => commandWords(line)), ['EXEC'], ['GET', '{a}k']];
  const bytes = Buffer.concat(script.map(words => encodeCommand(...words)));
  client.send(bytes);
  const replies = (await client.readReplies(script.length)).map(String);
  assert.equal(
    replies.join(''),
    `+OK\r\n${'+QUEUED\r\n'.repeat(inside.length)}*6\r\n` +
      '*2\r\n$4\r\n{a}l\r\n*1\r\n$1\r\nx\r\n$-1\r\n' +
      '*1\r\n*2\r\n$4\r\n{a}s\r\n*1\r\n*2\r\n$3\r\n1-1\r\n*2\r\n$1\r\nf\r\n$5\r\napp:v\r\n' +
      '-ERR no such key\r\n*2\r\n$4\r\n{a}l\r\n$1\r\ny\r\n+PONG\r\n$-1\r\n',
  );
  // On the way of several pieces it does need one.
  client.send(encodeCommand('MULTI'));
  assert.equal(String(await client.readReply()), '+OK\r\n');
  client.send(encodeCommand('GET', '{a}k'));
  assert.match(String(await client.readReply()), /^-ERR no server connection is free for this client alone/);
  assert.match(JSON.stringify(await client.command('EXEC')), /EXECABORT/);
  const others = await Promise.all(Array.from({ length: 10 }, connect));
  await Promise.all(
    others.map(async other => {
      for (let i = 0; i < 30; i++) {
        const words = [
          ['GET', '{a}n'],
          ['MULTI'],
          ['INCR', '{a}n'],
          ['RPUSH', '{a}m', 'v'],
          ['LMPOP', '1', '{a}m', 'LEFT'],
          ['INCR', '{a}n'],
          ['EXEC'],
        ];
        other.send(Buffer.concat(words.map(each => encodeCommand(...each))));
        const read = String(Buffer.concat(await other.readReplies(words.length)));
        const found = /\*4\r\n:(\d+)\r\n:1\r\n\*2\r\n\$4\r\n\{a\}m\r\n\*1\r\n\$1\r\nv\r\n:(\d+)\r\n$/.exec(read);
        assert.ok(found !== null, read);
        assert.equal(Number(found[2]), Number(found[1]) + 1);
      }
    }),
  );
  assert.equal(String(await client.command('GET', '{a}n')), '600');
  // Of two servers: refused as ever, and nothing of it is done.
  client.send(
    Buffer.concat(
      [['MULTI'], ['SET', 'p1', 'v'], ['SET', 'p2', 'v'], ['SET', 'p3', 'v'], ['SET', 'p4', 'v'], ['EXEC']].map(each =>
        encodeCommand(...each),
      ),
    ),
  );
  assert.match(String(Buffer.concat(await client.readReplies(6))), /-EXECABORT [^\r]*\r\n$/);
  for (const key of ['p1', 'p2', 'p3', 'p4']) assert.equal(await client.command('EXISTS', key), 0);
  for (const server of servers) {
    const names = ((await server.command('KEYS', '*')) as Buffer[]).map(String);
    assert.ok(
      names.every(name => name.startsWith(PREFIX)),
      String(names),
    );
  }
});
