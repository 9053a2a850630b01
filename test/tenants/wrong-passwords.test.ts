// Wrong passwords where a pool has one password and no users: answered late, one after the other; counted by address, and told.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { askInOnePiece as ask } from '../support/ask-in-one-piece.ts';
import { packet, responseLength } from '../support/binary-packets.ts';
import { startMemcached } from '../support/memcached-server.ts';
import { type Daemon, startDaemon } from '../support/pool-daemon.ts';
import { startRedis } from '../support/redis-server.ts';
import { runRingmaster } from '../support/ringmaster.ts';
import { waitFor } from '../support/wait-for.ts';

const WRONG = '-WRONGPASS invalid username-password pair or user is disabled.\r\n';
/** The wait for the first answer, the second and so on, with nothing else in it. */
const waitsMs = (count: number) => Array.from({ length: count }, (_, i) => 250 * 2 ** i).reduce((sum, ms) => sum + ms);

async function guessers(daemon: Daemon) {
  const page = await daemon.page('/api/v1/limits');
  return JSON.parse(page.body).wrongPasswords.map(({ pool, address, wrongPasswords }: Record<string, unknown>) => ({
    ...{ pool, address, wrongPasswords },
  }));
}

test('redis_auth: late, in order, and nobody else waits; an address is told with its fifth', async t => {
  const server = await startRedis({ args: ['--requirepass', 'right'] });
  t.after(() => server.kill());
  const pool = { protocol: 'redis', servers: [server.port], settings: ['redis_auth: right'] } as const;
  const daemon = await startDaemon(t, { pool }, { workers: 1 });
  const [guesser, other] = await Promise.all([1, 2].map(() => daemon.client('pool', { timeoutMs: 20_000 })));
  const begunAtMs = performance.now();
  guesser!.send(['AUTH a', 'AUTH default b', 'AUTH nobody right', 'AUTH right', 'PING', ''].join('\r\n'));
  assert.equal(await ask(other!, ['AUTH', 'right'], ['PING']), '+OK\r\n+PONG\r\n');
  const want = `${WRONG}${WRONG}${WRONG}+OK\r\n+PONG\r\n`;
  assert.equal(String(await guesser!.readUntil(want.length)), want);
  assert.ok(performance.now() - begunAtMs >= waitsMs(3) - 50);
  await daemon.untilMetric('ringmaster_pool_refused_sign_ins_total', { pool: 'pool' }, 3);
  await waitFor(async () => (await guessers(daemon))[0]?.wrongPasswords === 3, { what: 'the count' });
  assert.deepEqual(await guessers(daemon), [{ pool: 'pool', address: '127.0.0.1', wrongPasswords: 3 }]);
  const events = async () => JSON.parse((await daemon.page('/api/v1/events')).body).events;
  const told = async () =>
    (await events()).filter(({ event }: { event: string }) => event === 'wrong_passwords').length;
  assert.equal(await told(), 0);
  const hello = await daemon.client('pool', { timeoutMs: 20_000 });
  hello.send('HELLO 3 AUTH default c\r\nAUTH d\r\n');
  const both = `${WRONG}${WRONG}`;
  assert.equal(String(await hello.readUntil(both.length)), both);
  await waitFor(async () => (await told()) === 1, { what: 'the event' });
  const { stdout } = await runRingmaster(['limits', '--admin', `127.0.0.1:${daemon.adminPort}`]);
  assert.match(
    stdout,
    /^nobody is over a limit\n\npool +address +wrong passwords +since +last\npool +127\.0\.0\.1 +5 /,
  );
  const asJson = await runRingmaster(['limits', '--json', '--pool', 'x', '--admin', `127.0.0.1:${daemon.adminPort}`]);
  assert.deepEqual(JSON.parse(asJson.stdout), { over: [], wrongPasswords: [] });
  for (const client of [guesser, other, hello]) client?.destroy();
});

test('memcached_auth: the same in text and in binary', async t => {
  const server = await startMemcached();
  t.after(() => server.kill());
  const pool = { protocol: 'memcached', servers: [server.port], settings: ['memcached_auth: app:right'] } as const;
  const daemon = await startDaemon(t, { pool }, { workers: 1 });
  const [text, binary] = await Promise.all([1, 2].map(() => daemon.client('pool', { timeoutMs: 20_000 })));
  const begunAtMs = performance.now();
  text!.send('set x 0 0 7\r\napp bad\r\nset x 0 0 9\r\napp right\r\nversion\r\n');
  const wrong = 'CLIENT_ERROR authentication failure\r\n';
  assert.match(String(await text!.readUntil('VERSION')), new RegExp(`^${wrong}STORED`));
  assert.ok(performance.now() - begunAtMs >= waitsMs(1) - 50);
  binary!.send(packet(0x21, { key: 'PLAIN', value: '\0app\0bad' }));
  const reply = await binary!.readUntil(arrived => responseLength(arrived));
  assert.equal(reply.readUInt16BE(6), 0x20);
  await daemon.untilMetric('ringmaster_pool_refused_sign_ins_total', { pool: 'pool' }, 2);
  for (const client of [text, binary]) client?.destroy();
});
