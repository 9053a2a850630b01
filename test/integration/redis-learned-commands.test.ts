// Commands that only the servers know: they are asked when a client first uses one.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { encodeReply, type ReplyValue, SimpleText } from '../../src/protocol/redis/resp.ts';
import { answering, type FakeBackend, startFakeBackend } from '../support/fake-backend.ts';
import { startDaemon } from '../support/pool-daemon.ts';
import { redisRequest, redisWords } from '../support/request-splitter.ts';
import { encodeCommand, RespError } from '../support/resp-reader.ts';
import { waitFor } from '../support/wait-for.ts';

const words = (...texts: string[]): ReplyValue => texts.map(text => new SimpleText(text));
/** What a module says of a command whose keys are arguments `at`, `at + step`, …. */
const row = (name: string, flags: readonly string[], at: number, last: number): ReplyValue => [
  ...[name, -2, words(...flags), at, last, 1, words('@read'), [], []],
  ...[[], []],
];

const MODULE: readonly ReplyValue[] = [row('my.set', ['write'], 1, 1), row('my.sum', ['readonly'], 1, -1)];

interface Server extends FakeBackend {
  /** What it has been asked, but for COMMAND. */
  asked(): string[];
  timesAsked(): number;
}

/** It answers with its own number and what it was asked. */
async function server(t: TestContext, number: number, reply: (nth: number) => Buffer | null): Promise<Server> {
  let times = 0;
  const fake = await startFakeBackend(
    answering(redisRequest, request => {
      const line = redisWords(request).map(String).join(' ');
      if (line === 'COMMAND') return reply(times++);
      if (line.startsWith('CLIENT ID')) return ':1\r\n';
      return `+${number} ${line}\r\n`;
    }),
  );
  t.after(() => fake.close());
  const asked = () => fake.requests().map(request => redisWords(request).map(String).join(' '));
  return Object.assign(fake, {
    asked: () => asked().filter(line => !/^(COMMAND|CLIENT ID)/.test(line)),
    timesAsked: () => times,
  });
}

const module = encodeReply(MODULE);

async function start(t: TestContext, replies: readonly ((nth: number) => Buffer | null)[], settings: string[] = []) {
  const servers = await Promise.all(replies.map((reply, i) => server(t, i, reply)));
  const pool = { protocol: 'redis', servers: servers.map(({ port }) => port), settings } as const;
  const daemon = await startDaemon(t, { p: pool });
  const client = async () => {
    const connected = await daemon.client('p');
    t.after(() => connected.destroy());
    return connected;
  };
  return { servers, daemon, client };
}

test("a module's command goes by its keys from the first request on, wherever that is cut and in the middle of a pipeline", async t => {
  const { client, servers } = await start(t, [() => module, () => module, () => module]);
  const other = await client();
  const home = new Map<string, string>();
  const keys = Array.from({ length: 20 }, (_, i) => `k${i}`);
  for (const key of keys) home.set(key, String(await other.command('GET', key))[0]!);
  const client1 = await client();
  const lines = keys.flatMap(key => [`GET ${key}`, `MY.SET ${key} v`]);
  client1.send(Buffer.concat(lines.map(line => encodeCommand(...line.split(' ')))));
  const replies = (await client1.readReplies(lines.length)).map(String);
  assert.deepEqual(
    replies,
    lines.map(line => `+${home.get(line.split(' ')[1]!)} ${line}\r\n`),
  );
  for (const each of servers) assert.equal(each.timesAsked(), 1);
  // In lines, too, and in pieces.
  const inPieces = encodeCommand('my.set', 'k1', 'x'.repeat(40));
  for (const byte of inPieces) client1.send(Buffer.from([byte]));
  client1.send(Buffer.from('my.set k2 y\r\n'));
  const [pieces, line] = (await client1.readReplies(2)).map(String);
  assert.equal(pieces, `+${home.get('k1')} my.set k1 ${'x'.repeat(40)}\r\n`);
  assert.equal(line, `+${home.get('k2')} my.set k2 y\r\n`);
  const [a, b] = [keys.find(key => home.get(key) === '0')!, keys.find(key => home.get(key) === '1')!];
  const apart = await client1.command('MY.SUM', a, b);
  assert.ok(apart instanceof RespError && /different servers/.test(apart.text));
});

test('the first of all requests may be one that arrives in pieces, and be what nobody knows', async t => {
  const { client, servers } = await start(t, [() => module]);
  const first = await client();
  const wire = Buffer.concat([
    encodeCommand('my.set', 'k', 'v'),
    encodeCommand('NO.SUCH', 'k'),
    encodeCommand('GET', 'k'),
  ]);
  for (const byte of wire) first.send(Buffer.from([byte]));
  const replies = (await first.readReplies(3)).map(String);
  assert.equal(replies[0], '+0 my.set k v\r\n');
  assert.match(replies[1]!, /^-ERR unknown command 'NO.SUCH'/);
  assert.equal(replies[2], '+0 GET k\r\n');
  // Nobody is asked twice in a row.
  assert.ok((await first.command('NO.SUCH')) instanceof RespError);
  assert.equal(servers[0]!.timesAsked(), 1);
  assert.deepEqual(servers[0]!.asked(), ['my.set k v', 'GET k']);
});

test('in a transaction, after a reload, and not where servers disagree or the setting is off', async t => {
  const differing = encodeReply([row('my.set', ['write'], 2, 2), MODULE[1]!]);
  const { client, daemon } = await start(t, [() => module, () => differing]);
  const asker = await client();
  const refused = await asker.command('MY.SET', 'k', 'v');
  assert.ok(refused instanceof RespError && /unknown command/.test(refused.text));
  const summed = String(await asker.command('MY.SUM', 'k'));
  assert.match(summed, /^[01] MY.SUM k$/);
  // Its servers are as they are known: nobody asks them anew.
  asker.send(Buffer.concat([encodeCommand('MULTI'), encodeCommand('MY.SUM', 'k'), encodeCommand('DISCARD')]));
  assert.equal(String((await asker.readReplies(3))[0]), '+OK\r\n');
  const { ringmaster } = daemon;
  const text = readFileSync(ringmaster.configFile, 'utf8');
  const reload = async (settings: string) => {
    ringmaster.writeConfig(text.replace('    servers:', `    deny_commands: [lolwut]\n${settings}    servers:`));
    ringmaster.signal('SIGHUP');
  };
  await reload('');
  const isDenied = async () => {
    const reply = await asker.command('LOLWUT');
    return reply instanceof RespError && /deny_commands/.test(reply.text);
  };
  await waitFor(isDenied, { what: 'the reload' });
  assert.equal(String(await asker.command('MY.SUM', 'k')), summed);
  await reload('    learn_commands: false\n');
  const isOff = async () => (await asker.command('MY.SUM', 'k')) instanceof RespError;
  await waitFor(isOff, { what: 'nothing to be learned' });
});

test('servers that never answer, answer nonsense or too much keep a client waiting for a second at most', async t => {
  const { client } = await start(t, [() => null, () => Buffer.from('*1\r\n+what\r\n')], ['timeout: 30s']);
  const asker = await client();
  asker.send(Buffer.concat([encodeCommand('MY.SET', 'k', 'v'), encodeCommand('PING')]));
  const replies = (await asker.readReplies(2)).map(String);
  assert.match(replies[0]!, /^-ERR unknown command 'MY.SET'/);
  assert.equal(replies[1], '+PONG\r\n');
});

test('who wants no reply to it gets none, though its servers are asked about it first', async t => {
  const { client, servers } = await start(t, [() => module]);
  const asker = await client();
  asker.send(Buffer.concat([encodeCommand('CLIENT', 'REPLY', 'SKIP'), encodeCommand('MY.SET', 'k', 'v')]));
  asker.send(encodeCommand('GET', 'k'));
  assert.equal(String(await asker.readReply()), '+0 GET k\r\n');
  assert.deepEqual(servers[0]!.asked(), ['MY.SET k v', 'GET k']);
});
