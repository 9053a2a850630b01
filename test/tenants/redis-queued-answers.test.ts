// Inside MULTI, what Ringmaster answers itself: byte for byte as a server of one's own, which keeps it until EXEC.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { hasLateAnswer } from '../support/late-answer.ts';
import { startRedisPool } from '../support/pool-under-test.ts';
import type { RawClient } from '../support/raw-client.ts';
import { startRedis } from '../support/redis-server.ts';
import { encodeCommand } from '../support/resp-reader.ts';
import { SeededRandom, seedFrom } from '../support/seeded-random.ts';

const SERVED = [
  ...['HELLO', 'HELLO 2', 'HELLO 3', 'HELLO 4', 'HELLO x', 'HELLO 2 FOO', 'HELLO 3 SETNAME bob', 'HELLO 2 SETNAME bob'],
  ...['HELLO 3 SETNAME bob FOO', 'HELLO 3 SETNAME "a b"', 'HELLO 9 SETNAME bob', 'HELLO 3 AUTH'],
  ...['AUTH x', 'AUTH a b', 'AUTH default x', 'AUTH a b c', 'AUTH'],
  ...['CLIENT INFO', 'CLIENT GETNAME', 'CLIENT SETNAME joe', 'CLIENT SETNAME "a b"', 'CLIENT SETNAME'],
  ...['CLIENT KILL ID 999999', 'CLIENT KILL 127.0.0.1:1', 'CLIENT KILL ID x', 'CLIENT KILL ID', 'CLIENT KILL FOO x'],
  ...['CLIENT LIST ID 999999', 'CLIENT LIST TYPE pubsub', 'CLIENT LIST TYPE x', 'CLIENT LIST x', 'CLIENT LIST ID x'],
  ...['CLIENT UNBLOCK 999999', 'CLIENT UNBLOCK x', 'CLIENT UNBLOCK 9 X', 'CLIENT UNBLOCK 9 ERROR X', 'CLIENT UNPAUSE'],
  ...['CLIENT PAUSE 0', 'CLIENT PAUSE x', 'CLIENT PAUSE -1', 'CLIENT PAUSE 0 X', 'CLIENT PAUSE', 'CLIENT KILL'],
  ...['SCAN x', 'SCAN', 'SCAN 0 MATCH s', 'SCAN 0 MATCH s COUNT 5', 'SCAN 0 FOO', 'SCAN 0 COUNT x', 'SCAN 0 COUNT 0'],
  ...[
    'HELLO 3 AUTH default x',
    'HELLO 3 AUTH default x SETNAME bob',
    'HELLO 3 AUTH nobody x',
    'HELLO 2 AUTH default x',
  ],
  ...['CLIENT REPLY ON', 'CLIENT REPLY OFF', 'CLIENT REPLY SKIP', 'CLIENT REPLY X'],
  ...['CLIENT NO-EVICT on', 'CLIENT NO-EVICT OFF', 'CLIENT NO-EVICT x', 'CLIENT TRACKINGINFO', 'CLIENT GETREDIR'],
  ...['CLIENT TRACKING OFF', 'CLIENT TRACKING X', 'CLIENT CACHING YES', 'CLIENT HELP', 'CLIENT', 'CLIENT FOO'],
  ...['SELECT 1', 'SELECT 99', 'SELECT -1', 'SELECT x', 'SELECT', 'RESET', 'WATCH k', 'WATCH', 'UNWATCH', 'MULTI'],
  ...['ACL WHOAMI', 'ACL CAT nosuch', 'ACL GENPASS x', 'MODULE LIST', 'COMMAND GETKEYS GET k'],
  ...['CLUSTER INFO', 'CLUSTER KEYSLOT a', 'READONLY', 'READWRITE', 'ASKING', 'CLUSTER SLOTS', 'CLUSTER NOSUCH'],
  ...['PING', 'PING a', 'PING a b', 'ECHO a', 'ECHO', 'SET', 'NOSUCH', 'INCR s', 'LPUSH k x'],
];
const FAILING = [
  'AUTH',
  'CLIENT',
  'CLIENT SETNAME',
  'CLIENT PAUSE',
  'CLIENT KILL',
  'SCAN',
  'CLIENT FOO',
  'SELECT',
  'RESET',
  'WATCH',
  'MULTI',
  'ECHO',
  'SET',
  'NOSUCH',
];
/** What is left of a transaction is not looked at. */
const APART = ['CLIENT REPLY OFF', 'CLUSTER NOSUCH'];
const CERTAIN = SERVED.filter(line => !FAILING.includes(line) && !APART.includes(line));
const REFUSED = [
  ...['CLIENT TRACKING ON', 'SUBSCRIBE a', 'PSUBSCRIBE a', 'SSUBSCRIBE a', 'UNSUBSCRIBE', 'CONFIG SET maxmemory 1'],
];
const AFTER = ['CLIENT GETNAME', 'PING', 'CLIENT REPLY ON', 'GET k', 'CLIENT GETNAME', 'ECHO the-end'];
const END = '$7\r\nthe-end\r\n';

function wire(line: string): Buffer {
  const words = line.match(/"[^"]*"|\S+/g) ?? [];
  return encodeCommand(...words.map(word => word.replaceAll('"', '')));
}

/** Whichever way they are sent; replies need not be such as can be counted. */
async function converse(client: RawClient, lines: readonly string[], isAtOnce: boolean): Promise<string> {
  if (isAtOnce) client.send(Buffer.concat(lines.map(wire)));
  else {
    for (const line of lines) {
      client.send(wire(line));
      await new Promise(setImmediate);
    }
  }
  return comparable((await client.readUntil(END)).toString('latin1'));
}

/** Without what differs between any two servers, and between any two clients of one. */
function comparable(replies: string): string {
  return replies
    .replace(/:\d+\r\n(?=\$4\r\nmode)/g, ':0\r\n')
    .replace(/\$\d+\r\n7\.0\.\d+/g, '7')
    .replace(
      /([$=])\d+\r\n(txt:)?id=\d+ .*? name=(\S*) .*? flags=(\w+) db=(\d+) .*? multi=(\S+) .*? cmd=(\S+) .*? resp=(\d).*?\n/g,
      '$1$2 $3 $4 $5 $6 $7 $8\n',
    );
}

async function pair(t: TestContext) {
  const pool = await startRedisPool(t, { settings: ['databases: 16'] });
  const single = await startRedis();
  t.after(() => single.kill());
  return { pool, single };
}

for (const version of [2, 3]) {
  test(`RESP${version}: what is queued is answered by EXEC as a server does`, async t => {
    const { pool, single } = await pair(t);
    for (const line of SERVED) {
      for (const isAtOnce of [true, false]) {
        // What is given up is given up, however it came.
        for (const last of isAtOnce ? ['EXEC'] : ['EXEC', 'DISCARD']) {
          const lines = [`HELLO ${version}`, 'SET s str', 'MULTI', line, 'SET k v', last, ...AFTER];
          const sides = [await pool.client(), await single.client()];
          const [ours, theirs] = await Promise.all(sides.map(client => converse(client, lines, isAtOnce)));
          for (const client of sides) client.destroy();
          if (hasLateAnswer(ours!)) continue;
          assert.equal(ours, theirs, `${line}, ${last}, ${isAtOnce ? 'at once' : 'one by one'}`);
        }
      }
    }
  });
}

test('what can be had neither now nor then is refused, and nothing of the transaction is run', async t => {
  const { pool } = await pair(t);
  for (const line of REFUSED) {
    const client = await pool.client();
    const replies = await converse(
      client,
      ['MULTI', 'CLIENT SETNAME joe', 'INCR n', line, 'EXEC', 'GET n', 'CLIENT GETNAME', 'ECHO the-end'],
      false,
    );
    assert.match(
      replies,
      /^\+OK\r\n\+QUEUED\r\n\+QUEUED\r\n-ERR '.*' cannot be used through Ringmaster: .*\r\n-EXECABORT [^\r]*\r\n\$-1\r\n\$-1\r\n/,
      line,
    );
    client.destroy();
  }
});

test('nothing is done where the transaction is not run, and all of it in its order where it is', async t => {
  const { pool, single } = await pair(t);
  const sides = [
    [await pool.client(), await pool.client()],
    [await single.client(), await single.client()],
  ] as const;
  const talks = sides.map(async ([client, other]) => {
    const said: string[] = [];
    const say = async (who: RawClient, ...lines: string[]) => {
      said.push(await converse(who, [...lines, 'ECHO the-end'], true));
    };
    await say(client, 'WATCH w');
    await say(other, 'SET w 1');
    await say(client, 'MULTI', 'CLIENT SETNAME lost', 'SELECT 3', 'HELLO 3', 'EXEC', 'CLIENT GETNAME', 'GET w');
    await say(client, 'MULTI', 'CLIENT SETNAME lost', 'NOSUCH', 'EXEC', 'CLIENT GETNAME');
    await say(client, 'MULTI', 'CLIENT SETNAME one', 'CLIENT GETNAME', 'CLIENT SETNAME two', 'CLIENT GETNAME', 'EXEC');
    await say(
      client,
      'MULTI',
      'SELECT 2',
      'SET d 2',
      'CLIENT INFO',
      'SELECT 77',
      'HELLO 3',
      'CONFIG',
      'DISCARD',
      'GET w',
    );
    await say(
      client,
      'MULTI',
      'SELECT 2',
      'SET d 2',
      'CLIENT INFO',
      'HELLO 3',
      'HGETALL h',
      'CLIENT INFO',
      'HELLO 2',
      'HGETALL h',
      'EXEC',
      'GET d',
    );
    await say(
      client,
      'MULTI',
      'HELLO 3',
      'EXEC',
      'HGETALL h',
      'MULTI',
      'HELLO 3',
      'CLIENT TRACKINGINFO',
      'HELLO 2',
      'EXEC',
      'HGETALL h',
    );
    await say(client, 'CLIENT REPLY OFF', 'MULTI', 'CLIENT SETNAME three', 'EXEC', 'CLIENT REPLY ON', 'CLIENT GETNAME');
    return said.join('');
  });
  const [ours, theirs] = await Promise.all(talks);
  assert.equal(ours, theirs);
  for (const client of sides.flat()) client.destroy();
});

test('what is the client’s and the pool’s own is theirs inside, too', async t => {
  const { pool } = await pair(t);
  const client = await pool.client();
  for (const line of ['CLIENT ID', 'SLOWLOG LEN', 'COMMAND COUNT', 'ACL LIST', 'ACL WHOAMI']) {
    const outside = await converse(client, [line, 'ECHO the-end'], true);
    const inside = await converse(client, ['MULTI', 'SET k v', line, 'EXEC', 'ECHO the-end'], true);
    assert.equal(inside, `+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n${outside}`, line);
  }
  client.destroy();
});

test('in a reply of megabytes each answer has its place', async t => {
  const { pool } = await pair(t);
  const client = await pool.client();
  const value = 'v'.repeat(3_000_000);
  await client.command('SET', 'big', value);
  const reply = `$${value.length}\r\n${value}\r\n`;
  const lines = [
    'MULTI',
    'CLIENT SETNAME n',
    'GET big',
    'CLIENT GETNAME',
    'GET big',
    'CLIENT SETNAME m',
    'EXEC',
    'CLIENT GETNAME',
    'ECHO the-end',
  ];
  const queued = '+QUEUED\r\n'.repeat(5);
  const said = await converse(client, lines, true);
  assert.equal(said, `+OK\r\n${queued}*5\r\n+OK\r\n${reply}$1\r\nn\r\n${reply}+OK\r\n$1\r\nm\r\n${END}`);
  client.destroy();
});

test('what is kept for EXEC is bounded', async t => {
  const { pool } = await pair(t);
  const client = await pool.client();
  const name = 'n'.repeat(1000);
  const lines = [
    'MULTI',
    ...Array.from({ length: 400 }, () => `CLIENT SETNAME ${name}`),
    'EXEC',
    'CLIENT GETNAME',
    'ECHO the-end',
  ];
  const said = await converse(client, lines, true);
  assert.match(said, /-ERR inside a transaction Ringmaster answers requests of no more than 262144 bytes itself\r\n/);
  assert.ok(said.endsWith(`-EXECABORT Transaction discarded because of previous errors.\r\n$-1\r\n${END}`));
  client.destroy();
});

test('random transactions of both kinds are those with a server', async t => {
  const seed = seedFrom('QUEUED_SEED');
  t.diagnostic(`QUEUED_SEED=${seed} repeats this run`);
  const random = new SeededRandom(seed);
  const { pool, single } = await pair(t);
  for (let round = 0; round < 30; round++) {
    const isResp3 = random.chance(1 / 2);
    const lines = [isResp3 ? 'HELLO 3' : 'PING'];
    for (let i = 0; i < 3; i++) {
      lines.push('MULTI');
      for (let n = random.between(0, 5); n >= 0; n--)
        lines.push(random.pick(random.chance(1 / 30) ? FAILING : CERTAIN));
      lines.push(random.chance(1 / 4) ? 'DISCARD' : 'EXEC', 'CLIENT GETNAME');
    }
    lines.push(...AFTER);
    const isAtOnce = random.chance(1 / 2);
    const sides = [await pool.client(), await single.client()];
    const [ours, theirs] = await Promise.all(sides.map(client => converse(client, lines, isAtOnce)));
    for (const client of sides) client.destroy();
    if (hasLateAnswer(ours!)) continue;
    assert.equal(ours, theirs, `round ${round}: ${lines.join(' | ')}`);
  }
});
