import { test } from 'node:test';
import { startMemcached } from '../support/memcached-server.ts';
import { type Daemon, startDaemon } from '../support/pool-daemon.ts';
import { startRedis } from '../support/redis-server.ts';
import { untilEqual, waitFor } from '../support/wait-for.ts';

/** Hits and misses of a pool since `before`. */
async function counted(daemon: Daemon, pool: string): Promise<[number, number]> {
  return [
    await daemon.metric('ringmaster_server_get_hits_total', { pool }),
    await daemon.metric('ringmaster_server_get_misses_total', { pool }),
  ];
}

test('Redis: nulls are misses, errors and other commands count for nothing', async t => {
  const servers = await Promise.all([startRedis(), startRedis()]);
  t.after(() => Promise.all(servers.map(server => server.kill())));
  const daemon = await startDaemon(t, { red: { protocol: 'redis', servers: servers.map(({ port }) => port) } });
  const client = await daemon.client('red');
  t.after(() => client.destroy());
  const keys = Array.from({ length: 20 }, (_, i) => `k${i}`);
  for (const key of keys) await client.command('SET', key, '');
  await client.command('SET', 'n', 'x'.repeat(100_000));
  await client.command('HSET', 'h', 'f', 'v');
  let [hits, misses] = [0, 0];
  const ask = async (found: number, missing: number, ...words: string[]) => {
    await client.command(...words);
    hits += found;
    misses += missing;
    await untilEqual(() => counted(daemon, 'red'), [hits, misses], words.join(' ').slice(0, 60));
  };
  await ask(1, 0, 'GET', 'k1');
  await ask(0, 1, 'GET', 'none');
  await ask(1, 0, 'GET', 'n');
  // Parts on both servers, and all of it in one request.
  await ask(20, 3, 'MGET', ...keys, 'a', 'b', 'c');
  await ask(0, 1, 'MGET', 'a');
  await ask(1, 0, 'HGET', 'h', 'f');
  await ask(0, 1, 'HGET', 'h', 'g');
  await ask(1, 0, 'GETEX', 'k2');
  await ask(1, 0, 'GETDEL', 'k2');
  await ask(0, 1, 'GETDEL', 'k2');
  // An error, an integer that looks like a null, a status.
  await ask(0, 0, 'GET', 'h');
  await client.command('SET', 'i', '0');
  await ask(0, 0, 'DECR', 'i');
  await ask(0, 0, 'SET', 'k3', 'v', 'XX');
  await ask(0, 0, 'EXISTS', 'none');
  // RESP3 has a null of its own.
  await client.command('HELLO', '3');
  await ask(0, 1, 'GET', 'none');
  await ask(1, 0, 'GET', 'k1');
  await ask(1, 1, 'MGET', 'k1', 'none');

  const shown = async () => {
    const { servers: rows } = JSON.parse((await daemon.page('/api/v1/servers')).body) as {
      servers: { hits: number; misses: number }[];
    };
    const sum = (field: 'hits' | 'misses') => rows.reduce((total, row) => total + row[field], 0);
    return [sum('hits'), sum('misses')];
  };
  await untilEqual(shown, [hits, misses], 'the hits and misses of the servers');
  await waitFor(
    async () => {
      await client.command('MGET', 'k1', 'none');
      const { pools } = JSON.parse((await daemon.page('/api/v1/overview')).body) as {
        pools: { hitsPerSecond: number; missesPerSecond: number }[];
      };
      return pools[0]!.hitsPerSecond > 0 && pools[0]!.missesPerSecond > 0;
    },
    { what: 'rates of hits and misses' },
  );
});

test('memcached: text, meta and binary', async t => {
  const servers = await Promise.all([startMemcached(), startMemcached()]);
  t.after(() => Promise.all(servers.map(server => server.kill())));
  const daemon = await startDaemon(t, { mem: { protocol: 'memcached', servers: servers.map(({ port }) => port) } });
  const client = await daemon.client('mem');
  t.after(() => client.destroy());
  for (const key of ['a', 'b', 'c', 'd']) {
    client.send(`set ${key} 0 0 1\r\nx\r\n`);
    await client.readUntil('STORED\r\n');
  }
  let [hits, misses] = [0, 0];
  const ask = async (request: string | Buffer, end: string, found: number, missing: number) => {
    client.send(request);
    await client.readUntil(end);
    hits += found;
    misses += missing;
    await untilEqual(() => counted(daemon, 'mem'), [hits, misses], JSON.stringify(String(request)));
  };
  await ask('get a\r\n', 'END\r\n', 1, 0);
  await ask('get none\r\n', 'END\r\n', 0, 1);
  await ask('gets a b c d none\r\n', 'END\r\n', 4, 1);
  await ask('gat 0 a none\r\n', 'END\r\n', 1, 1);
  await ask('mg a v\r\n', 'x\r\n', 1, 0);
  await ask('mg a\r\n', 'HD\r\n', 1, 0);
  await ask('mg none v\r\n', 'EN\r\n', 0, 1);
  await ask('mg none v q\r\nmn\r\n', 'MN\r\n', 0, 1);
  await ask('md none\r\n', 'NF\r\n', 0, 0);
  await ask('touch none 0\r\n', 'NOT_FOUND\r\n', 0, 0);

  const binary = await daemon.client('mem');
  t.after(() => binary.destroy());
  const get = (key: string) => {
    const packet = Buffer.alloc(24 + key.length);
    packet[0] = 0x80;
    packet.writeUInt16BE(key.length, 2);
    packet.writeUInt32BE(key.length, 8);
    packet.write(key, 24);
    return packet;
  };
  binary.send(Buffer.concat([get('a'), get('none'), get('b')]));
  // Two of 29 bytes with flags and value, and one of 33 that says it is not there.
  await binary.readUntil(2 * 29 + 33);
  await untilEqual(() => counted(daemon, 'mem'), [hits + 2, misses + 1], 'the binary ones');
});
