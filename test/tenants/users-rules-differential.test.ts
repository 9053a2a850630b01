// What rules of a user allow, held against ACL DRYRUN of a real server for every command of its table.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Accounts } from '../../src/accounts/accounts.ts';
import { COMMANDS } from '../../src/protocol/redis/commands/command-table.ts';
import { redisProtocol } from '../../src/protocol/redis/redis.ts';
import { ROUTE_LOCAL } from '../../src/protocol/routes.ts';
import { commandWords } from '../support/command-words.ts';
import type { RawClient } from '../support/raw-client.ts';
import { COMMAND_CASES } from '../support/redis-command-cases/all-cases.ts';
import { startRedis } from '../support/redis-server.ts';
import { encodeCommand, parseReply } from '../support/resp-reader.ts';
import { SeededRandom, seedFrom } from '../support/seeded-random.ts';

/** Rules that most of the lines below meet in different ways. */
const RULES = [
  '+@all ~* &*',
  '+@all -@dangerous ~s* &*',
  '-@all',
  '+@read ~*',
  '+@read +@write ~st* %R~z* %W~h*',
  '+@write ~*',
  '+@all ~*',
  '+@all -@write -@slow ~* &*',
  '+@all -@admin +config|get +client ~[a-m]* &[a-c]*',
  '+@fast -@connection +select|0 +set|str ~?* &n?ws',
  '+@scripting +@pubsub ~s?r &ch* &news',
  '+@stream +@geo +@sortedset %R~* %W~n*',
  '+@hash +@list ~* resetkeys ~ha* ~list',
  '+@all -get ~str (+get ~none) (+@read -mget %R~hash)',
  '+@set (+@string ~s*) (+sort +sort_ro ~set ~list) (+publish &*)',
  '+@all -config|set -acl|whoami -object -xinfo|help %RW~str %R~* allchannels',
  '+@bitmap +@hyperloglog +@transaction +@blocking %W~*',
  '+@all allkeys -@all +ping allchannels',
  '+@keyspace +@string +@connection ~s\\tr ~a*b*c ~[^s]* &*',
];

const RANDOM_LINES = 4000;
const WORDS = [
  'str',
  'none',
  'set',
  'list',
  'zset',
  'hash',
  'news',
  'abc',
  '0',
  '1',
  '2',
  '3',
  'store',
  'get',
  'by',
  'streams',
];

function requests(): Buffer[][] {
  const lines = Object.values(COMMAND_CASES).flatMap(entries =>
    entries.map(entry => commandWords(typeof entry === 'string' ? entry : entry.line)),
  );
  const random = new SeededRandom(seedFrom('rules of users'));
  const base = COMMANDS.filter(({ origin }) => origin === 'base');
  for (let i = 0; i < RANDOM_LINES; i++) {
    const { name, acceptedArity: arity } = base[i % base.length]!;
    const words = name.split('|');
    const count = arity > 0 ? arity : -arity + random.between(0, 4);
    while (words.length < count) words.push(random.pick(WORDS));
    lines.push(words.map(word => Buffer.from(word)));
  }
  return lines.filter(words => words.length > 0 && words[0]!.length > 0);
}

const OK = 'OK';
const KINDS: readonly [string, RegExp, RegExp][] = [
  ['command', /no permissions to run the '(.*)' command/, /no permissions to run the '(.*)' command/],
  ['key', /access one of the keys/, /access the '.*' key/s],
  ['channel', /access one of the channels/, /access the '.*' channel/s],
];

/** What Ringmaster decides of requests by these rules. */
function decider(rules: string): (words: Buffer[]) => string {
  const account = { name: 'u', passwords: [], isOpen: false, certificates: [], rules, databases: null, keyPrefix: '' };
  const accounts = new Accounts([account]);
  const parser = redisProtocol.createParser({
    ...{ poolName: 'p', version: '1', maxRequestBytes: 1 << 24, password: null, accounts },
    rules: { hasOneServer: true },
  });
  return words => {
    const session = redisProtocol.createSession(1);
    session.signIn(accounts.find('u')!);
    const bytes = encodeCommand(...words);
    parser.parse(session, bytes, 0, bytes.length);
    const text = parser.route === ROUTE_LOCAL ? parser.reply.toString('latin1') : '';
    return text.includes('NOPERM') ? kindOf(text, 1) : OK;
  };
}

function kindOf(text: string, column: 1 | 2): string {
  const found = KINDS.find(kind => kind[column].test(text));
  return found === undefined ? text : `${found[0]} ${found[column].exec(text)![1] ?? ''}`;
}

/** What the server decides; null: it does not know the command, or not with so many arguments. */
async function dryRuns(client: RawClient, user: string, lines: readonly Buffer[][]): Promise<(string | null)[]> {
  client.send(Buffer.concat(lines.map(words => encodeCommand('ACL', 'DRYRUN', user, ...words))));
  const verdicts: (string | null)[] = [];
  for (const _ of lines) {
    const bytes = await client.readReply();
    const text = bytes.toString('latin1');
    if (text.startsWith('-')) verdicts.push(null);
    else verdicts.push(text.startsWith('+OK') ? OK : kindOf(String(parseReply(bytes)), 2));
  }
  return verdicts;
}

test('every command of the table is allowed and refused as the server does it', async t => {
  const server = await startRedis();
  t.after(() => server.kill());
  const client = await server.client();
  const lines = requests();
  let compared = 0;
  for (const rules of RULES) {
    const setUser = await client.command('ACL', 'SETUSER', 'u', 'reset', 'on', 'nopass', ...ruleWords(rules));
    assert.equal(setUser, 'OK', rules);
    const theirs = await dryRuns(client, 'u', lines);
    const decide = decider(rules);
    const differences: string[] = [];
    for (const [i, words] of lines.entries()) {
      if (theirs[i] === null) continue;
      compared++;
      const ours = decide(words);
      if (ours !== theirs[i]) differences.push(`${words.map(String).join(' ')}: ours ${ours}, theirs ${theirs[i]}`);
    }
    assert.deepEqual(differences, [], `${rules}: ${differences.length}`);
  }
  assert.ok(compared > 10_000, String(compared));
  client.destroy();
});

/** A selector is one argument. */
function ruleWords(rules: string): string[] {
  return rules.match(/\([^)]*\)|\S+/g) ?? [];
}
