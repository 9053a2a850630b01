// Inside MULTI, what all workers answer together: CLIENT LIST, KILL, UNBLOCK, PAUSE and UNPAUSE, when EXEC comes to them.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { hasLateAnswer, LATE_ANSWER } from '../support/late-answer.ts';
import { startRedisPool } from '../support/pool-under-test.ts';
import type { RawClient } from '../support/raw-client.ts';
import { startRedis } from '../support/redis-server.ts';
import { encodeCommand } from '../support/resp-reader.ts';
import { waitFor } from '../support/wait-for.ts';

const WORKERS = 2;
/** So many connections are in all workers, by all odds. */
const CLIENTS = 24;

const ATTEMPTS = 6;
class LateAnswer extends Error {}

const wire = (lines: readonly string[]): Buffer => Buffer.concat(lines.map(line => encodeCommand(...line.split(' '))));

async function talk(client: RawClient, ...lines: string[]): Promise<string> {
  client.send(wire([...lines, 'ECHO the-end']));
  const replies = (await client.readUntil('$7\r\nthe-end\r\n')).toString('latin1');
  if (hasLateAnswer(replies)) throw new LateAnswer(LATE_ANSWER);
  return replies;
}

/** A test that begins anew where a worker was held up, and so did not answer in time. */
function whole(name: string, body: (t: TestContext) => Promise<void>): void {
  test(name, async t => {
    for (let attempt = 1; ; attempt++) {
      try {
        await body(t);
        return;
      } catch (error) {
        if (!(error instanceof LateAnswer) || attempt === ATTEMPTS) throw error;
      }
    }
  });
}

async function clientsOf(pool: { client(): Promise<RawClient> }, count = CLIENTS) {
  const clients = await Promise.all(Array.from({ length: count }, () => pool.client()));
  const ids = await Promise.all(clients.map(client => client.command('CLIENT', 'ID')));
  return clients.map((client, i) => ({ client, id: Number(ids[i]) }));
}

/** As many as the list names. */
const idsIn = (list: string): number[] => [...list.matchAll(/^id=(\d+) /gm)].map(([, id]) => Number(id));

async function pools(t: TestContext) {
  const pool = await startRedisPool(t, { workers: WORKERS, settings: ['databases: 16'] });
  const single = await startRedis();
  t.after(() => single.kill());
  return { pool, single };
}

whole(
  'CLIENT LIST tells of all workers’ clients, after what was queued before it and before what comes after',
  async t => {
    const { pool } = await pools(t);
    const clients = await clientsOf(pool);
    const [first] = clients;
    const { client, id } = first!;
    const said = await talk(
      client,
      'MULTI',
      'SET k v',
      'CLIENT SETNAME one',
      'CLIENT LIST',
      'CLIENT SETNAME two',
      `CLIENT LIST ID ${id}`,
      'GET k',
      'EXEC',
    );
    assert.match(said, /^\+OK\r\n(?:\+QUEUED\r\n){6}\*6\r\n\+OK\r\n\+OK\r\n\$\d+\r\n/);
    const [, all, own, rest] =
      /^[\s\S]*?\$\d+\r\n(id=[\s\S]*?)\r\n\+OK\r\n\$\d+\r\n(id=[\s\S]*?)\r\n([\s\S]*)$/.exec(said) ?? [];
    assert.deepEqual(
      idsIn(String(all)).sort((a, b) => a - b),
      clients.map(each => each.id).sort((a, b) => a - b),
    );
    const line = String(all)
      .split('\n')
      .find(each => each.startsWith(`id=${id} `));
    assert.match(String(line), / name=one .* flags=x .* multi=6 .* cmd=exec /);
    assert.match(String(own), / name=two .* flags=x .* multi=6 .* cmd=exec /);
    assert.equal(rest, '$1\r\nv\r\n$7\r\nthe-end\r\n');
    assert.match(await talk(client, 'CLIENT INFO'), / name=two .* flags=N .* multi=-1 /);
    for (const each of clients) each.client.destroy();
  },
);

whole('clients of all workers are killed where the transaction is run, and none where it is not', async t => {
  const { pool } = await pools(t);
  const clients = await clientsOf(pool);
  const [asker, ...others] = clients;
  const { client } = asker!;
  const kills = others.map(({ id }) => `CLIENT KILL ID ${id}`);
  await talk(client, 'MULTI', ...kills, 'NOSUCH', 'EXEC');
  await talk(client, 'MULTI', ...kills, 'DISCARD');
  await talk(client, 'WATCH w');
  assert.equal(await others[0]!.client.command('SET', 'w', '1'), 'OK');
  assert.match(await talk(client, 'MULTI', ...kills, 'EXEC'), /\*-1\r\n\$7/);
  assert.equal(
    (await Promise.all(others.map(each => each.client.command('PING')))).join(),
    others.map(() => 'PONG').join(),
  );

  const said = await talk(client, 'MULTI', ...kills, 'CLIENT LIST', 'CLIENT KILL ID 999999', 'EXEC');
  const run = said.slice(said.indexOf(`*${kills.length + 2}`));
  assert.ok(run.startsWith(`*${kills.length + 2}\r\n${kills.map(() => ':1\r\n').join('')}$`), run);
  assert.ok(run.endsWith('\r\n:0\r\n$7\r\nthe-end\r\n'), run);
  assert.deepEqual(idsIn(run.slice(run.indexOf('id='))), [asker!.id]);
  await Promise.all(others.map(each => each.client.closed));
  client.destroy();
});

whole('who kills itself reads all of the reply first', async t => {
  const { pool, single } = await pools(t);
  const lines = ['MULTI', 'SET k v', 'CLIENT KILL TYPE normal SKIPME no', 'GET k', 'EXEC', 'PING'];
  const said = [];
  for (const side of [pool, single]) {
    const client = await side.client();
    client.send(wire(lines));
    said.push((await client.readToEnd()).toString('latin1'));
  }
  assert.equal(said[0], '+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*3\r\n+OK\r\n:1\r\n$1\r\nv\r\n');
  assert.ok(said[0].startsWith(String(said[1])), 'a server that closes at once loses the end');
});

whole('CLIENT UNBLOCK and PAUSE reach the clients of all workers', async t => {
  const { pool } = await pools(t);
  const clients = await clientsOf(pool);
  const [asker, ...others] = clients;
  const { client } = asker!;
  for (const { client: other } of others) other.send(encodeCommand('BLPOP', 'nothing', '0'));
  const blocked = async () => (await talk(client, 'CLIENT LIST')).match(/ flags=b /g)?.length === others.length;
  await waitFor(blocked, { what: 'all to wait' });
  const unblocks = others.map(({ id }) => `CLIENT UNBLOCK ${id}`);
  const said = await talk(client, 'MULTI', ...unblocks, 'EXEC');
  assert.ok(said.includes(`*${unblocks.length}\r\n${unblocks.map(() => ':1\r\n').join('')}$7`), said);
  for (const { client: other } of others) assert.equal((await other.readReply()).toString(), '*-1\r\n');

  const paused = await talk(client, 'MULTI', 'SET k 1', 'CLIENT PAUSE 600000 WRITE', 'INCR k', 'EXEC');
  assert.ok(paused.endsWith('*3\r\n+OK\r\n+OK\r\n:2\r\n$7\r\nthe-end\r\n'), paused);
  for (const { client: other } of others) other.send(encodeCommand('INCR', 'k'));
  for (const { client: other } of others) other.send(encodeCommand('PING'));
  assert.equal(String(await client.command('GET', 'k')), '2');
  assert.match(await talk(client, 'MULTI', 'GET k', 'CLIENT UNPAUSE', 'EXEC'), /\*2\r\n\$1\r\n2\r\n\+OK\r\n\$7/);
  const counts = await Promise.all(others.map(({ client: other }) => other.readReply()));
  assert.deepEqual(
    counts.map(count => Number(count.toString().slice(1))).sort((a, b) => a - b),
    others.map((_, i) => i + 3),
  );
  for (const each of clients) each.client.destroy();
});

whole('between megabytes, and of a client that leaves meanwhile nothing is left', async t => {
  const { pool } = await pools(t);
  const [asker, leaving] = await clientsOf(pool, 2);
  const value = 'v'.repeat(3_000_000);
  await asker!.client.command('SET', 'big', value);
  const lines = [
    'MULTI',
    'GET big',
    `CLIENT LIST ID ${asker!.id}`,
    'GET big',
    'CLIENT KILL ID 999999',
    'GET big',
    'EXEC',
  ];
  const said = await talk(asker!.client, ...lines);
  const reply = `\\$${value.length}\\r\\nv{${value.length}}\\r\\n`;
  const pieces = said.split('id=');
  assert.equal(pieces.length, 2);
  const big = `$${value.length}\r\n${value}\r\n`;
  assert.ok(pieces[0]!.startsWith(`+OK\r\n${'+QUEUED\r\n'.repeat(5)}*5\r\n${big}$`), reply);
  assert.ok(pieces[1]!.endsWith(`\n\r\n${big}:0\r\n${big}$7\r\nthe-end\r\n`), reply);
  leaving!.client.send(wire(lines));
  leaving!.client.destroy();
  const alone = async () => idsIn(await talk(asker!.client, 'CLIENT LIST')).length === 1;
  await waitFor(alone, { what: 'the other to be gone' });
  asker!.client.destroy();
});
