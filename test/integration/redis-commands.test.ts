// Every command of the Redis command table through Ringmaster, against the same command sent to a server directly.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { LOCAL } from '../../src/protocol/redis/commands/command-policy.ts';
import { COMMANDS } from '../../src/protocol/redis/commands/command-table.ts';
import { commandWords } from '../support/command-words.ts';
import { startRedisPool } from '../support/pool-under-test.ts';
import type { RawClient } from '../support/raw-client.ts';
import { COMMAND_CASES, TESTED_APART } from '../support/redis-command-cases/all-cases.ts';
import type { CommandCase, Comparison } from '../support/redis-command-cases/command-case.ts';
import { DATA } from '../support/redis-command-cases/data.ts';
import { CLUSTER_COMMANDS, REFUSED_COMMANDS } from '../support/redis-command-cases/refused-commands.ts';
import { TWEMPROXY_COMMANDS } from '../support/redis-command-cases/twemproxy-commands.ts';
import { encodeCommand, splitReplies } from '../support/resp-reader.ts';
import { SeededRandom, seedFrom } from '../support/seeded-random.ts';
import { type RedisClients, redisBesidePool } from '../support/server-beside-pool.ts';

/** Commands with random arguments, in as many batches. */
const RANDOM_COMMANDS = 6000;
const RANDOM_BATCH = 200;
/**
 * Commands that choose by chance, tell the time, or change what all later ones see; and the scans: what a cursor other than 0
 * finds depends on the server's hash seed. And XREAD and XREADGROUP: an option that is not known is refused before a server words it.
 */
const NOT_AT_RANDOM =
  /^(?:acl\|genpass|[ps]?(?:un)?subscribe|spop|srandmember|hrandfield|zrandmember|object\|idletime|memory\|usage|dump|[hsz]?scan|keys|randomkey|flushdb|flushall|xread|xreadgroup)$/;
/** Of the protocol between clients and Ringmaster, and Ringmaster and servers. */
const VERSIONS = [2, 3] as const;
type Version = (typeof VERSIONS)[number];

const requestOf = (line: string): Buffer => encodeCommand(...commandWords(line));

/** Commands as a client sends them: `client setname`. */
const wordsOf = (name: string): string[] => name.split('|');

async function connectPair(t: TestContext, version: Version = 2): Promise<RedisClients> {
  return (await redisBesidePool(t))(version);
}

/** Gives both servers the data of the cases and nothing else. */
async function refill({ backend, direct }: RedisClients): Promise<void> {
  const lines = ['FLUSHALL', 'SCRIPT FLUSH', 'FUNCTION FLUSH', ...DATA];
  const script = Buffer.concat(lines.map(requestOf));
  for (const server of [backend, direct]) server.send(script);
  for (const server of [backend, direct]) {
    for (const reply of await server.readReplies(lines.length)) assert.notEqual(reply[0], 0x2d, String(reply));
  }
}

/** Both replies to one request: Ringmaster's, and the server's. */
async function askBoth({ proxy, direct }: RedisClients, request: Buffer): Promise<[string, string]> {
  direct.send(request);
  const theirs = await direct.readReply();
  return [await askProxy(proxy, request), theirs.toString('latin1')];
}

async function askProxy(proxy: RawClient, request: Buffer): Promise<string> {
  proxy.send(request);
  return (await proxy.readReply()).toString('latin1');
}

function comparable(reply: string, as: Comparison): string {
  if (as === 'unordered' && /^[*~%]/.test(reply)) {
    const items = splitReplies(Buffer.from(reply.slice(reply.indexOf('\r\n') + 2), 'latin1'));
    return JSON.stringify(items.map(item => item.toString('latin1')).sort());
  }
  return as === 'masked' ? reply.replace(/\d+/g, '#') : reply;
}

function assertAlike(ours: string, theirs: string, line: string, as: Exclude<Comparison, RegExp>): void {
  if (comparable(ours, as) !== comparable(theirs, as)) assert.equal(ours, theirs, line);
}

function asCase(entry: string | CommandCase, version: Version): Pick<CommandCase, 'line' | 'as'> {
  if (typeof entry === 'string') return { line: entry, as: 'exact' };
  const { line, as, asResp3 = as } = entry;
  return { line, as: version === 3 ? asResp3 : as };
}

test('the table and the cases know the same commands', () => {
  const known = [...Object.keys(COMMAND_CASES), ...Object.keys(TESTED_APART), ...REFUSED_COMMANDS, ...CLUSTER_COMMANDS];
  const containers = new Set(COMMANDS.filter(each => each.subcommands !== null).map(each => each.name));
  // COMMAND alone is a command too.
  containers.delete('command');
  // What only younger servers and modules have, the server of these tests does not know.
  const own = COMMANDS.filter(({ origin, name }) => origin === 'base' || LOCAL.includes(name));
  const table = own.map(each => each.name).filter(name => !containers.has(name));
  assert.deepEqual(known.sort(), table.sort());
});

test('nothing is refused that twemproxy forwards', () => {
  const refused = new Set([...REFUSED_COMMANDS, ...CLUSTER_COMMANDS]);
  assert.deepEqual(
    TWEMPROXY_COMMANDS.filter(name => refused.has(name)),
    [],
  );
});

for (const version of VERSIONS) {
  test(`RESP${version}: each command is answered as a server answers it`, async t => {
    const connect = await redisBesidePool(t);
    for (const [name, entries] of Object.entries(COMMAND_CASES)) {
      await t.test(name.replace('|', ' '), async () => {
        const pair = await connect(version);
        await refill(pair);
        for (const { line, as } of entries.map(entry => asCase(entry, version))) {
          if (as instanceof RegExp) assert.match(await askProxy(pair.proxy, requestOf(line)), as, line);
          else assertAlike(...(await askBoth(pair, requestOf(line))), line, as);
        }
      });
    }
  });

  test(`RESP${version}: the cases of each command in a pipeline are answered alike, in their order`, async t => {
    const connect = await redisBesidePool(t);
    for (const [name, entries] of Object.entries(COMMAND_CASES)) {
      const pair = await connect(version);
      await refill(pair);
      const cases = entries.map(entry => asCase(entry, version));
      pair.proxy.send(Buffer.concat(cases.map(({ line }) => requestOf(line))));
      for (const { line, as } of cases) {
        const ours = (await pair.proxy.readReply()).toString('latin1');
        if (as instanceof RegExp) assert.match(ours, as, line);
        else {
          pair.direct.send(requestOf(line));
          assertAlike(ours, (await pair.direct.readReply()).toString('latin1'), `${name}: ${line}`, as);
        }
      }
    }
  });
}

test('a wrong number of arguments is answered as a server answers it', async t => {
  const pair = await connectPair(t);
  for (const { name, acceptedArity: arity, origin } of COMMANDS) {
    if (origin !== 'base') continue;
    const words = wordsOf(name);
    const counts = Array.from({ length: Math.abs(arity) - words.length }, (_, i) => words.length + i);
    // One too many; where any number will do there is none.
    if (arity > 0) counts.push(arity + 1);
    for (const count of counts) {
      const request = encodeCommand(...words, ...Array<string>(count - words.length).fill('x'));
      const [ours, theirs] = await askBoth(pair, request);
      assert.equal(ours, theirs, `${name} with ${count} words`);
      assert.match(ours, /^-.*wrong number of arguments/, name);
    }
  }
});

test('a command or subcommand that Redis does not know is answered in its words', async t => {
  const pair = await connectPair(t);
  const lines = [
    'NOSUCH',
    'NOSUCH a b c',
    'GETX',
    '"" a',
    String.raw`"\x00\r\n" "\r\n" a`,
    `${'n'.repeat(200)} ${'a'.repeat(200)} b`,
    `NOSUCH ${Array.from({ length: 60 }, (_, i) => `argument-${i}`).join(' ')}`,
    'CLIENT NOSUCH',
    'client nosuch a',
    String.raw`OBJECT "\r\n" a`,
    'XGROUP',
    'CONFIG nosuch x',
    'COMMAND nosuch',
  ];
  for (const line of lines) {
    const [ours, theirs] = await askBoth(pair, requestOf(line));
    assert.equal(ours, theirs, line);
  }
});

test('what cannot be proxied is refused with a reason, and the connection stays', async t => {
  const pair = await connectPair(t);
  for (const command of COMMANDS) {
    const { name, arity } = command;
    const isOfClusters = CLUSTER_COMMANDS.includes(name);
    if (!isOfClusters && !REFUSED_COMMANDS.includes(name)) continue;
    const words = wordsOf(name);
    const request = encodeCommand(...words, ...Array<string>(Math.abs(arity) - words.length).fill('1'));
    pair.proxy.send(request);
    const ours = (await pair.proxy.readReply()).toString('latin1');
    if (isOfClusters) assert.equal(ours, '-ERR This instance has cluster support disabled\r\n', name);
    else assert.ok(ours.startsWith(`-ERR '${name}' cannot be used through Ringmaster: `), ours);
    assert.equal(await pair.proxy.command('PING'), 'PONG', `after ${name}`);
  }
  const heard = String(await pair.backend.command('INFO', 'commandstats'));
  assert.doesNotMatch(heard, /^cmdstat_/m, 'the server heard nothing of them');
});

test('QUIT is answered and ends the connection, and what came before it is answered too', async t => {
  const pool = await startRedisPool(t);
  const client = await pool.client();
  client.send(Buffer.concat([requestOf('SET k v'), requestOf('GET k'), requestOf('QUIT'), requestOf('GET k')]));
  assert.equal(String(await client.readToEnd()), '+OK\r\n$1\r\nv\r\n+OK\r\n');
  await client.closed;
});

for (const version of VERSIONS) {
  test(`RESP${version}: random arguments are answered as a server answers them`, { timeout: 120_000 }, async t => {
    const seed = seedFrom('COMMANDS_SEED');
    t.diagnostic(`COMMANDS_SEED=${seed} repeats this run`);
    const random = new SeededRandom(seed);
    const pair = await connectPair(t, version);
    // Only what is forwarded: the cases that compare all they compare byte for byte.
    const names = Object.entries(COMMAND_CASES)
      .filter(([name, entries]) => !NOT_AT_RANDOM.test(name) && entries.every(each => typeof each === 'string'))
      .map(([name]) => name);
    const keys = DATA.slice(0, -1).map(line => commandWords(line)[1]!.toString('latin1'));
    const others = [
      '0',
      '1',
      '2',
      '-1',
      '3',
      '(1',
      '+',
      '-',
      '0-1',
      '1-1',
      '9-9',
      'COUNT',
      'LIMIT',
      'WITHSCORES',
      'STORE',
    ];
    others.push(
      'EX',
      'GET',
      'km',
      'LEFT',
      'MIN',
      'STREAMS',
      'GROUP',
      '7',
      '\x00\r\n',
      '',
      'none',
      'GT',
      '99999999999999999999',
    );
    for (let done = 0; done < RANDOM_COMMANDS; done += RANDOM_BATCH) {
      await refill(pair);
      const requests = Array.from({ length: RANDOM_BATCH }, () => {
        const words = wordsOf(random.pick(names));
        const count = random.between(0, 6);
        for (let i = 0; i < count; i++) words.push(random.pick(random.chance(0.5) ? keys : others));
        return words;
      });
      const script = Buffer.concat(requests.map(words => encodeCommand(...words)));
      pair.proxy.send(script);
      pair.direct.send(script);
      const ours = await pair.proxy.readReplies(RANDOM_BATCH);
      const theirs = await pair.direct.readReplies(RANDOM_BATCH);
      for (const [i, words] of requests.entries()) {
        const line = `${words.join(' ')}, COMMANDS_SEED=${seed}`;
        assertAlike(ours[i]!.toString('latin1'), theirs[i]!.toString('latin1'), line, 'unordered');
      }
    }
  });
}
