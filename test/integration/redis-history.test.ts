// What many clients see and do while servers and workers are killed: elements that are popped, transactions, messages. What may
// be lost is what Redis itself loses with a connection, and it is counted; nothing is done twice, in part, or for another.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { temporaryDirectory } from '../support/child.ts';
import { type Daemon, startDaemon } from '../support/pool-daemon.ts';
import type { RawClient } from '../support/raw-client.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { encodeCommand, parseReply, RespError, type RespValue } from '../support/resp-reader.ts';
import { SeededRandom, seedFrom } from '../support/seeded-random.ts';

const TAGS = ['a', 'b', 'c', 'd'];
const KILLS = 5;
/** Requests that are answered, or fail, between a kill and what follows. */
const PACE = 150;
/** A reply that does not come for so long is given up, as a lost connection is. */
const TIMEOUT_MS = 15_000;

/** Servers that keep what they have said to have done when they are killed. */
class LastingServer {
  private server: RedisServer | null = null;
  private readonly args = ['--dir', temporaryDirectory('lasting'), '--appendonly', 'yes', '--appendfsync', 'no'];
  port = 0;

  async start(): Promise<void> {
    this.server = await startRedis(this.port === 0 ? { args: this.args } : { port: this.port, args: this.args });
    this.port = this.server.port;
  }

  async kill(): Promise<void> {
    await this.server?.kill();
  }

  command(...words: string[]): Promise<RespValue> {
    return (this.server as RedisServer).command(...words);
  }
}

/** Clients that go on until they are told to stop, and connect again whenever they are cut off. */
class Crowd {
  readonly random: SeededRandom;
  readonly daemon: Daemon;
  /** What was done, whatever came of it. */
  done = 0;
  readonly faults: string[] = [];
  private readonly kinds = new Map<
    string,
    { isOver: boolean; readonly clients: Set<RawClient>; running: Promise<void>[] }
  >();

  constructor(daemon: Daemon, random: SeededRandom) {
    this.daemon = daemon;
    this.random = random;
  }

  /** `act` does one thing; what it throws ends the connection. */
  add(kind: string, count: number, begin: (client: RawClient) => () => Promise<void>): void {
    const all = this.kinds.get(kind) ?? { isOver: false, clients: new Set<RawClient>(), running: [] };
    this.kinds.set(kind, all);
    const live = async () => {
      while (!all.isOver) {
        const client = await this.daemon.client('pool', { timeoutMs: TIMEOUT_MS }).catch(() => null);
        if (client === null) continue;
        all.clients.add(client);
        try {
          const act = begin(client);
          while (!all.isOver) {
            await act();
            this.done++;
            await nextTurn();
          }
        } catch {
          this.done++;
        }
        all.clients.delete(client);
        client.destroy();
      }
    };
    for (let i = 0; i < count; i++) all.running.push(live());
  }

  /** Lets these end what they do, or, when that may never end, cuts them off. */
  async stop(kind: string, isCut: boolean): Promise<void> {
    const all = this.kinds.get(kind);
    if (all === undefined) return;
    all.isOver = true;
    if (isCut) for (const client of all.clients) client.destroy();
    await Promise.all(all.running);
  }

  fault(what: string): void {
    if (this.faults.length < 10) this.faults.push(what);
  }

  async pass(count: number): Promise<void> {
    const until = this.done + count;
    while (this.done < until) await nextTurn();
  }
}

function expectReply(reply: RespValue): RespValue {
  if (reply instanceof RespError) throw reply;
  return reply;
}

/** Elements that are pushed once each, and popped by clients that wait for them. */
class Queues {
  /** Which pushes were said to be done, and which may be. */
  readonly pushed = new Set<string>();
  readonly maybe = new Set<string>();
  readonly delivered = new Set<string>();
  /** By list: pops of which nobody knows what became. */
  readonly broken = new Map<string, number>();
  private last = 0;
  private readonly crowd: Crowd;

  constructor(crowd: Crowd) {
    this.crowd = crowd;
    crowd.add('pushers', 4, client => () => this.push(client));
    for (const tag of TAGS) crowd.add('poppers', 2, client => () => this.pop(client, tag));
    for (const tag of TAGS) crowd.add('movers', 2, client => () => this.move(client, tag));
  }

  private async push(client: RawClient): Promise<void> {
    const tag = this.crowd.random.pick(TAGS);
    const list = this.crowd.random.chance(0.5) ? `{${tag}}popped` : `{${tag}}moved`;
    const element = `${list}:${++this.last}`;
    this.maybe.add(element);
    const reply = await client.command('RPUSH', list, element);
    if (typeof reply !== 'number') return;
    this.maybe.delete(element);
    this.pushed.add(element);
  }

  private async pop(client: RawClient, tag: string): Promise<void> {
    const list = `{${tag}}popped`;
    const reply = await this.wait(list, client.command('BLPOP', list, this.crowd.random.pick(['0', '0', '0.05'])));
    if (reply === null) return;
    const [from, element] = (reply as Buffer[]).map(String);
    if (from !== list) this.crowd.fault(`BLPOP ${list} was answered with ${from}`);
    this.take(list, String(element));
  }

  private async move(client: RawClient, tag: string): Promise<void> {
    const list = `{${tag}}moved`;
    const request = client.command('BLMOVE', list, `{${tag}}done`, 'LEFT', 'RIGHT', '0');
    const reply = await this.wait(list, request);
    if (reply !== null) this.take(list, String(reply));
  }

  private async wait(list: string, request: Promise<RespValue>): Promise<RespValue> {
    try {
      return expectReply(await request);
    } catch (error) {
      this.broken.set(list, (this.broken.get(list) ?? 0) + 1);
      throw error;
    }
  }

  private take(list: string, element: string): void {
    if (!element.startsWith(`${list}:`)) this.crowd.fault(`${list} gave ${element}`);
    if (!this.pushed.has(element) && !this.maybe.has(element)) this.crowd.fault(`${element} was never pushed`);
    if (this.delivered.has(element)) this.crowd.fault(`${element} was given twice`);
    this.delivered.add(element);
  }

  /** `listOf` reads a list where it is. */
  async check(listOf: (key: string) => Promise<string[]>): Promise<void> {
    for (const tag of TAGS) {
      const [popped, moved, done] = await Promise.all(
        ['popped', 'moved', 'done'].map(name => listOf(`{${tag}}${name}`)),
      );
      const isOf = (list: string) => (element: string) => element.startsWith(`{${tag}}${list}:`);
      const left = [...(moved as string[]), ...(done as string[])];
      assert.equal(new Set(left).size, left.length, 'an element was moved twice');
      for (const element of [...this.pushed].filter(isOf('moved'))) {
        assert.ok(left.includes(element), `${element} was pushed, and is lost`);
      }
      for (const element of [...this.delivered].filter(isOf('moved'))) {
        assert.ok((done as string[]).includes(element), `${element} was given, and not moved`);
      }
      const seen = new Set([...(popped as string[]), ...[...this.delivered].filter(isOf('popped'))]);
      const lost = [...this.pushed].filter(isOf('popped')).filter(element => !seen.has(element));
      const broken = this.broken.get(`{${tag}}popped`) ?? 0;
      assert.ok(lost.length <= broken, `${lost.length} elements of ${tag} are lost, ${broken} connections were`);
      for (const element of popped as string[]) {
        assert.ok(!this.delivered.has(element), `${element} was given, and is in the list yet`);
      }
    }
  }
}

/** Transactions that add one to each of two counters, to a watched one, or that must not be run. */
class Transactions {
  readonly ran = new Map<string, number>();
  readonly unknown = new Map<string, number>();
  private readonly crowd: Crowd;

  constructor(crowd: Crowd) {
    this.crowd = crowd;
    crowd.add('transactions', 6, client => () => {
      const tag = crowd.random.pick(TAGS);
      return crowd.random.pick([this.both, this.both, this.watched, this.watched, this.never]).call(this, client, tag);
    });
  }

  private async both(client: RawClient, tag: string): Promise<void> {
    const lines = [['MULTI'], ['INCR', `{${tag}}one`], ['INCR', `{${tag}}two`], ['EXEC']];
    const [, , , ran] = await this.run(client, `${tag} both`, lines);
    if (!Array.isArray(ran)) return;
    if (ran.length !== 2 || ran[0] !== ran[1]) this.crowd.fault(`both of ${tag}: ${ran}`);
  }

  private async watched(client: RawClient, tag: string): Promise<void> {
    const key = `{${tag}}watched`;
    expectReply(await client.command('WATCH', key));
    const value = Number(expectReply(await client.command('GET', key)) ?? 0);
    const lines = [['MULTI'], ['SET', key, String(value + 1)], ['EXEC']];
    const [, , ran] = await this.run(client, `${tag} watched`, lines);
    if (ran !== null && !Array.isArray(ran)) this.crowd.fault(`watched of ${tag}: ${ran}`);
  }

  /** Given up, or with something in it that is refused. */
  private async never(client: RawClient, tag: string): Promise<void> {
    const key = `{${tag}}never`;
    const other = TAGS.find(each => each !== tag) as string;
    const end = this.crowd.random.pick([
      [['DISCARD']],
      [['GET'], ['EXEC']],
      [['NOSUCH'], ['EXEC']],
      [['SUBSCRIBE', 'x'], ['EXEC']],
      [['MGET', key, `{${other}}x`, '{e}x', '{f}x', '{g}x'], ['EXEC']],
    ]);
    const lines = [['MULTI'], ['INCR', key], ...end];
    const cut = this.crowd.random.between(1, lines.length - 1);
    client.send(Buffer.concat(lines.slice(0, cut).map(words => encodeCommand(...words))));
    await client.readReplies(cut);
    // Some leave in the middle.
    if (this.crowd.random.chance(0.2)) throw new Error('left');
    client.send(Buffer.concat(lines.slice(cut).map(words => encodeCommand(...words))));
    const ran = (await client.readReplies(lines.length - cut)).map(bytes => parseReply(bytes)).at(-1);
    if (Array.isArray(ran)) this.crowd.fault(`what was never to be run was: ${ran}`);
  }

  /** The replies; that to EXEC says whether it was run, and if it does not come nobody knows. */
  private async run(client: RawClient, what: string, lines: readonly string[][]): Promise<RespValue[]> {
    const count = (counts: Map<string, number>) => counts.set(what, (counts.get(what) ?? 0) + 1);
    const isWhole = this.crowd.random.chance(0.5);
    try {
      if (isWhole) client.send(Buffer.concat(lines.map(words => encodeCommand(...words))));
      const replies: RespValue[] = [];
      for (const words of lines) {
        if (!isWhole) client.send(encodeCommand(...words));
        replies.push(parseReply(await client.readReply()));
      }
      const ran = replies.at(-1);
      if (Array.isArray(ran)) count(this.ran);
      else if (ran instanceof RespError && !ran.text.startsWith('EXECABORT')) throw ran;
      else if (ran instanceof RespError) throw new Aborted();
      return replies;
    } catch (error) {
      if (!(error instanceof Aborted)) count(this.unknown);
      throw error;
    }
  }

  async check(read: (key: string) => Promise<number>): Promise<void> {
    for (const tag of TAGS) {
      const [one, two, watched, never] = (await Promise.all(
        ['one', 'two', 'watched', 'never'].map(name => read(`{${tag}}${name}`)),
      )) as [number, number, number, number];
      assert.equal(one, two, `of ${tag} half a transaction was run`);
      assert.equal(never, 0, `of ${tag} what was never to be run was`);
      for (const [what, value] of [
        [`${tag} both`, one],
        [`${tag} watched`, watched],
      ] as const) {
        const ran = this.ran.get(what) ?? 0;
        const most = ran + (this.unknown.get(what) ?? 0);
        assert.ok(value >= ran && value <= most, `${what}: ${value} were run, ${ran} to ${most} by what clients read`);
      }
    }
  }
}

/** Nothing of it was run. */
class Aborted extends Error {}

/** Each channel has numbers that grow; who listens hears those of its channel, each once at most. */
class Messages {
  heard = 0;
  private number = 0;
  private readonly crowd: Crowd;

  constructor(crowd: Crowd) {
    this.crowd = crowd;
    crowd.add('publishers', 2, client => async () => {
      const channel = `channel:${crowd.random.pick(TAGS)}`;
      await client.command('PUBLISH', channel, `${channel}:${++this.number}`);
    });
    for (const tag of TAGS) crowd.add('listeners', 2, client => this.listen(client, `channel:${tag}`));
  }

  private listen(client: RawClient, channel: string): () => Promise<void> {
    const heard = new Set<string>();
    client.send(encodeCommand('SUBSCRIBE', channel));
    return async () => {
      const [word, from, text] = (expectReply(parseReply(await client.readReply())) as RespValue[]).map(String);
      if (word !== 'message') return;
      this.heard++;
      if (from !== channel || !text?.startsWith(`${channel}:`)) this.crowd.fault(`${channel} brought ${from} ${text}`);
      if (heard.has(String(text))) this.crowd.fault(`${text} was heard twice`);
      heard.add(String(text));
    };
  }
}

async function startCrowd(t: TestContext) {
  const seed = seedFrom('HISTORY_SEED');
  t.diagnostic(`HISTORY_SEED=${seed} repeats this run's choices`);
  const servers = [new LastingServer(), new LastingServer()];
  await Promise.all(servers.map(server => server.start()));
  t.after(() => Promise.all(servers.map(server => server.kill())));
  const settings = ['hash: murmur', 'hash_tag: "{}"', 'timeout: 5s'];
  const pool = { protocol: 'redis', servers: servers.map(({ port }) => port), settings } as const;
  const daemon = await startDaemon(t, { pool }, { workers: 2 });
  const random = new SeededRandom(seed);
  return { servers, daemon, random, crowd: new Crowd(daemon, random) };
}

test('elements, transactions and messages, while servers and workers are killed', { timeout: 170_000 }, async t => {
  const { servers, daemon, random, crowd } = await startCrowd(t);
  const queues = new Queues(crowd);
  const transactions = new Transactions(crowd);
  const messages = new Messages(crowd);
  await crowd.pass(PACE);
  for (let kill = 0; kill < KILLS; kill++) {
    if (random.chance(0.6)) {
      const server = random.pick(servers);
      await server.kill();
      await crowd.pass(PACE);
      await server.start();
    } else await daemon.ringmaster.killWorker();
    await crowd.pass(PACE);
  }
  for (const kind of ['pushers', 'transactions', 'publishers']) await crowd.stop(kind, false);
  for (const kind of ['poppers', 'movers', 'listeners']) await crowd.stop(kind, true);
  assert.deepEqual(crowd.faults, []);
  // What was asked for clients that were cut off has been done, or never is.
  await daemon.untilMetric('ringmaster_pool_client_connections', {}, 0);
  await daemon.untilMetric('ringmaster_server_private_connections', {}, 0);
  const each = (...words: string[]) => Promise.all(servers.map(server => server.command(...words)));
  await queues.check(async key => (await each('LRANGE', key, '0', '-1')).flat().map(String));
  await transactions.check(async key =>
    (await each('GET', key)).reduce<number>((sum, value) => sum + Number(value), 0),
  );
  t.diagnostic(`${queues.delivered.size} elements, ${messages.heard} messages, ${crowd.done} requests`);
  assert.ok(queues.delivered.size > 0 && messages.heard > 0 && transactions.ran.size > 0);
});
