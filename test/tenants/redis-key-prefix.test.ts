// A pool with a key prefix: each command is answered as by a server of its client's own, and nothing of others is seen or changed.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { COMMANDS } from '../../src/protocol/redis/commands/command-table.ts';
import { commandWords } from '../support/command-words.ts';
import { startRedisPool } from '../support/pool-under-test.ts';
import type { RawClient } from '../support/raw-client.ts';
import { COMMAND_CASES } from '../support/redis-command-cases/all-cases.ts';
import type { CommandCase, Comparison } from '../support/redis-command-cases/command-case.ts';
import { DATA } from '../support/redis-command-cases/data.ts';
import { encodeCommand, splitReplies } from '../support/resp-reader.ts';
import { SeededRandom, seedFrom } from '../support/seeded-random.ts';
import { type RedisClients, redisBesidePool } from '../support/server-beside-pool.ts';

const PREFIX = 'app:';
const VERSIONS = [2, 3] as const;

const requestOf = (line: string): Buffer => encodeCommand(...commandWords(line));

/** Refused under a prefix, by what the words say. */
const REFUSED =
  /^-ERR '[a-z|]+' cannot be used through Ringmaster: (?:it concerns all keys, those without the key_prefix too|with a key_prefix it would concern what all who share the servers have in common)\r\n$/;
/** What they answer counts the name's bytes, too, or is about all keys. */
const ANSWERED_OTHERWISE: readonly string[] = ['info', 'memory|usage'];
const REFUSED_COMMANDS: readonly string[] = [
  'acl|dryrun',
  'acl|getuser',
  'acl|list',
  'acl|users',
  'function|delete',
  'function|dump',
  'function|flush',
  'function|kill',
  'function|list',
  'function|load',
  'function|restore',
  'function|stats',
  'pubsub|numpat',
  'script|flush',
  'script|kill',
];

/** Replies without a definite order in them. */
function comparable(reply: string, as: Comparison): string {
  if (as === 'unordered' && /^[*~%]/.test(reply)) {
    const items = splitReplies(Buffer.from(reply.slice(reply.indexOf('\r\n') + 2), 'latin1'));
    return JSON.stringify(items.map(item => item.toString('latin1')).sort());
  }
  return as === 'masked' ? reply.replace(/\d+/g, '#') : reply;
}

async function ask(client: RawClient, line: string): Promise<string> {
  client.send(requestOf(line));
  return (await client.readReply()).toString('latin1');
}

const SETTINGS = [`key_prefix: "${PREFIX}"`, 'scripts_under_prefix: allow'];

/** Functions are what all share: the operator loads them. */
async function refill({ proxy, backend, direct }: RedisClients): Promise<void> {
  const ofServer = DATA.filter(line => line.startsWith('FUNCTION'));
  const ofClient = DATA.filter(line => !line.startsWith('FUNCTION'));
  const flush = ['FLUSHALL', 'SCRIPT FLUSH', 'FUNCTION FLUSH'];
  for (const line of [...flush, ...ofServer]) assert.notEqual((await ask(backend, line))[0], '-', line);
  for (const line of [...flush, ...DATA]) assert.notEqual((await ask(direct, line))[0], '-', line);
  for (const line of ofClient) assert.notEqual((await ask(proxy, line))[0], '-', line);
  // Somebody else's, by the same names.
  for (const line of ofClient) assert.notEqual((await ask(backend, line))[0], '-', line);
}

for (const version of VERSIONS) {
  test(`RESP${version}: each command is answered under a prefix as a server answers it`, async t => {
    const connect = await redisBesidePool(t, SETTINGS);
    for (const [name, entries] of Object.entries(COMMAND_CASES)) {
      await t.test(name.replace('|', ' '), async () => {
        const both = await connect(version);
        await refill(both);
        for (const entry of entries) {
          const { line, as, asResp3 = as } = typeof entry === 'string' ? { line: entry, as: 'exact' as const } : entry;
          const how = (version === 3 ? asResp3 : as) as CommandCase['as'];
          const ours = await ask(both.proxy, line);
          if (REFUSED_COMMANDS.includes(name)) {
            if (line.toLowerCase().startsWith(name.replace('|', ' '))) assert.match(ours, REFUSED, line);
          } else if (ANSWERED_OTHERWISE.includes(name)) assert.doesNotMatch(ours, /^-ERR (?!syntax|value)/, line);
          else if (how instanceof RegExp) assert.match(ours, how, line);
          else assert.equal(comparable(ours, how), comparable(await ask(both.direct, line), how), line);
        }
      });
    }
  });
}

/** Everything of others on a server, told by one number each. */
const DIGEST_OF_OTHERS = `local told = {}
for _, key in ipairs(redis.call('KEYS', '*')) do
  if string.sub(key, 1, #ARGV[1]) ~= ARGV[1] then table.insert(told, key .. '=' .. redis.sha1hex(redis.call('DUMP', key))) end
end
table.sort(told)
return told`;

/** As each command's keys may be spelt by somebody who knows those of others. */
const NAMES = ['str', 'list', 'set', 'zset', 'hash', 'stream', 'hll', 'geo', 'numbers', 'none'];
/** Only others have it, in a value of each kind and as a name. */
const WITHHELD = [
  'SET withheld withheld',
  'SET str withheld',
  'LPUSH list withheld',
  'SADD set withheld',
  'HSET hash withheld withheld',
  'ZADD zset 0 withheld',
  'XADD stream 9-9 withheld withheld',
  'GEOADD geo 13 38 withheld',
];
const OTHERS_NAMES = NAMES.flatMap(name => [name, `other:${name}`]);
const WORDS =
  '0 1 2 3 -1 + - ( [a 0-1 $ > * *with* COUNT MATCH LIMIT STORE BY GET # STREAMS GROUP group LEFT RIGHT MIN MAX BLOCK FROMMEMBER BYRADIUS km ASC AGGREGATE WEIGHTS REPLACE DB EX NX ALPHA'.split(
    ' ',
  );
/** Of its own connection, or of the servers; what blocks waits for a ms at most. */
const NOT_SENT =
  /^(?:quit|reset|hello|auth|client\|.*|.*subscribe|multi|exec|discard|wait|waitaof|select|bl?z?m?pop.*|br?pop.*|blmove|bzpop.*|brpoplpush)$/;
const ROUNDS = 40;

for (const servers of [1, 3]) {
  test(`${servers} servers: no command sees or changes what is without the prefix`, async t => {
    const settings = [`key_prefix: "${PREFIX}"`, 'cross_server: first_key', 'keyless_scripts: any'];
    const pool = await startRedisPool(t, { servers, settings });
    const seed = seedFrom('PREFIX_SEED');
    t.diagnostic(`PREFIX_SEED=${seed} repeats this run`);
    const random = new SeededRandom(seed);
    const proxy = await pool.client();
    const backends = await Promise.all(pool.servers.map(server => server.client()));
    for (const backend of backends) {
      for (const line of [...DATA, ...WITHHELD]) {
        const [command, key, ...rest] = commandWords(line);
        if (/^(?:FUNCTION|XGROUP|XREADGROUP)/.test(line)) continue;
        for (const prefix of ['', 'other:']) await backend.command(String(command), prefix + String(key), ...rest);
      }
    }
    const others = () =>
      Promise.all(backends.map(async each => String(await each.command('EVAL', DIGEST_OF_OTHERS, 0, PREFIX))));
    const before = await others();
    for (const line of DATA) if (!/^FUNCTION/.test(line)) assert.notEqual((await ask(proxy, line))[0], '-', line);
    for (const { name, subcommands } of COMMANDS) {
      if (NOT_SENT.test(name) || subcommands !== null) continue;
      const requests = Array.from({ length: ROUNDS }, () => {
        const count = random.between(0, 6);
        const words = Array.from({ length: count }, () => random.pick(random.chance(0.6) ? OTHERS_NAMES : WORDS));
        // Most keys come first.
        if (count > 0 && random.chance(0.7)) words[0] = random.pick(OTHERS_NAMES);
        return [...name.split('|'), ...words];
      });
      proxy.send(Buffer.concat(requests.map(words => encodeCommand(...words))));
      for (const [i, reply] of (await proxy.readReplies(ROUNDS)).entries()) {
        const seen = reply.toString('latin1');
        const line = `${requests[i]!.join(' ')}, PREFIX_SEED=${seed}: ${seen}`;
        assert.doesNotMatch(seen, /withheld/, line);
        assert.doesNotMatch(seen, /app:/, line);
      }
    }
    assert.deepEqual(await others(), before);
  });
}
