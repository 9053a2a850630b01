// Values far larger than any buffer: every byte arrives, memory stays within a few times the value and is given back,
// and nobody else waits for it.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { startMemcachedPool, startRedisPool } from '../support/pool-under-test.ts';
import { type ResidentMemory, resetPeak, residentMemory } from '../support/process-memory.ts';
import { RawClient } from '../support/raw-client.ts';
import { encodeCommand } from '../support/resp-reader.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import { waitFor } from '../support/wait-for.ts';

const MIB = 1 << 20;
const BIG_BYTES = 64 * MIB;
/** What the worker's peak may be above where it stood before the transfer. */
const PEAK_LIMIT_BYTES = 5 * BIG_BYTES;
/** What may still be resident above the start after this many more: the heap's young generation has grown by then. */
const REST_LIMIT_BYTES = 1.5 * BIG_BYTES;
const LEAST_TRANSFERS = 4;
/** Twice the period in which free blocks go back (worker/data-path.ts), and a little. */
const TRIM_MS = 2100;
/** How many small requests must be answered while a value is on its way. */
const LEAST_BETWEEN = 10;

/** Incompressible and different at every place, so that no part can take another's place. */
function bigValue(seed: number): Buffer {
  const block = new SeededRandom(seed).bytes(MIB);
  const value = Buffer.concat(Array<Buffer>(BIG_BYTES / MIB).fill(block));
  for (let at = 0; at + 4 <= value.length; at += 4096) value.writeUInt32LE(at, at);
  return value;
}

const digestOf = (bytes: Buffer) => createHash('sha1').update(bytes).digest('hex');

/** Asks for small values, one after the other, until it is told to stop. */
class SmallTraffic {
  answered = 0;
  private isStopped = false;
  private readonly done: Promise<void>;

  constructor(client: RawClient, keys: readonly string[]) {
    this.done = this.run(client, keys);
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    await this.done;
  }

  private async run(client: RawClient, keys: readonly string[]): Promise<void> {
    for (let i = 0; !this.isStopped; i++) {
      const key = keys[i % keys.length]!;
      assert.equal(String(await client.command('GET', key)), `value of ${key}`);
      this.answered++;
    }
    client.destroy();
  }
}

/** Runs `transfer` and returns how many small requests were answered meanwhile and what memory it took. */
async function watched(
  pid: number,
  traffic: SmallTraffic | null,
  transfer: () => Promise<void>,
): Promise<{ before: ResidentMemory; peakBytes: number; between: number }> {
  const before = residentMemory(pid);
  resetPeak(pid);
  const answered = traffic?.answered ?? 0;
  await transfer();
  const between = (traffic?.answered ?? 0) - answered;
  return { before, peakBytes: residentMemory(pid).peakBytes, between };
}

function report(
  t: TestContext,
  what: string,
  found: { before: ResidentMemory; peakBytes: number; between: number },
): void {
  const mib = (bytes: number) => (bytes / MIB).toFixed(0);
  const { before, peakBytes, between } = found;
  t.diagnostic(
    `${what}: ${mib(before.nowBytes)} MiB before, ${mib(peakBytes)} at most; ${between} small requests meanwhile`,
  );
}

test('64 MB go to Redis and back unchanged while others are served, and the memory is given back', async t => {
  const pool = await startRedisPool(t, { servers: 2 });
  const [worker] = pool.ringmaster.workerPids();
  const client = await pool.client({ timeoutMs: 30_000 });
  const all = Array.from({ length: 50 }, (_, i) => `small-${i}`);
  await client.command('MSET', 'big', 'nothing yet', ...all.flatMap(key => [key, `value of ${key}`]));
  // Keys of the other server: on its own, what was asked after the big value comes after it.
  const [first, second] = pool.servers;
  const other = (await first!.command('EXISTS', 'big')) === 1 ? second! : first!;
  const keys = ((await other.command('KEYS', 'small-*')) as Buffer[]).map(String);
  const value = bigValue(1);
  const started = residentMemory(worker!).nowBytes;

  const traffic = new SmallTraffic(await pool.client(), keys);
  const set = await watched(worker!, traffic, async () => {
    assert.equal(await client.command('SET', 'big', value), 'OK');
  });
  report(t, 'SET', set);
  const get = await watched(worker!, traffic, async () => {
    const reply = await client.command('GET', 'big');
    assert.equal(digestOf(reply as Buffer), digestOf(value));
  });
  report(t, 'GET', get);
  await traffic.stop();

  const direct = await Promise.all(pool.servers.map(server => server.command('STRLEN', 'big')));
  assert.deepEqual(direct.sort(), [0, BIG_BYTES]);
  for (const found of [set, get]) {
    assert.ok(found.between >= LEAST_BETWEEN, `only ${found.between} small requests were answered meanwhile`);
    assert.ok(found.peakBytes - started < PEAK_LIMIT_BYTES, `the worker grew to ${found.peakBytes} bytes`);
  }

  // What is done with goes when the collector runs, which the next transfer makes it do, or, of blocks, when nobody needed
  // them for a second. Kept, each transfer would add its size.
  let transfers = 0;
  await waitFor(
    async () => {
      assert.equal(await client.command('SET', 'big', value), 'OK');
      assert.equal(((await client.command('GET', 'big')) as Buffer).length, BIG_BYTES);
      await delay(TRIM_MS);
      return ++transfers >= LEAST_TRANSFERS && residentMemory(worker!).nowBytes - started < REST_LIMIT_BYTES;
    },
    { what: 'the memory to be given back', timeoutMs: 60_000 },
  );
  const restMiB = Math.round((residentMemory(worker!).nowBytes - started) / MIB);
  t.diagnostic(`${restMiB} MiB above the start after ${transfers} more transfers`);
  client.destroy();
});

test('a big value in the middle of a pipeline, split over servers, keeps its place', async t => {
  const pool = await startRedisPool(t, { servers: 3 });
  const client = await pool.client({ timeoutMs: 30_000 });
  const value = bigValue(2).subarray(0, 8 * MIB);
  const requests = [
    ['SET', 'a', 'small'],
    ['SET', 'big', value],
    ['GET', 'a'],
    ['GET', 'big'],
    ['MGET', 'b', 'big', 'a', 'c', 'big'],
    ['PING', 'end'],
  ] as const;
  client.send(Buffer.concat(requests.map(words => encodeCommand(...words))));
  const bulk = (bytes: Buffer | string) =>
    Buffer.concat([Buffer.from(`$${bytes.length}\r\n`), Buffer.from(bytes), Buffer.from('\r\n')]);
  const nothing = Buffer.from('$-1\r\n');
  const ok = Buffer.from('+OK\r\n');
  const many = Buffer.concat([Buffer.from('*5\r\n'), nothing, bulk(value), bulk('small'), nothing, bulk(value)]);
  const expected = [ok, ok, bulk('small'), bulk(value), many, bulk('end')];
  for (const [i, reply] of expected.entries()) {
    const got = await client.readUntil(reply.length);
    assert.ok(got.equals(reply), `reply ${i} begins ${JSON.stringify(got.toString('latin1', 0, 40))}`);
  }
  client.destroy();
});

test('a client that leaves in the middle of a big value, in either direction, costs nobody anything', async t => {
  const pool = await startRedisPool(t);
  const [worker] = pool.ringmaster.workerPids();
  const bystander = await pool.client();
  const value = bigValue(3).subarray(0, 32 * MIB);
  await bystander.command('SET', 'big', value);
  const started = residentMemory(worker!).nowBytes;
  for (let i = 0; i < 5; i++) {
    const sender = await pool.client();
    sender.send(encodeCommand('SET', 'never', value).subarray(0, 20 * MIB));
    await bystander.command('PING');
    sender.reset();
    const receiver = await pool.client();
    receiver.send(encodeCommand('GET', 'big'));
    await receiver.readUntil(MIB);
    receiver.reset();
    assert.equal(await bystander.command('EXISTS', 'never'), 0);
  }
  assert.equal(digestOf((await bystander.command('GET', 'big')) as Buffer), digestOf(value));
  assert.ok(residentMemory(worker!).nowBytes - started < 4 * value.length);
  bystander.destroy();
});

test('more than 512 MB are refused when they are announced, before any memory is taken', async t => {
  const pool = await startRedisPool(t);
  const [worker] = pool.ringmaster.workerPids();
  const client = await pool.client();
  await client.command('PING');
  const before = residentMemory(worker!).nowBytes;
  client.send(`*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$${513 * MIB}\r\n`);
  assert.equal(String(await client.readToEnd()), '-ERR Protocol error: invalid bulk length\r\n');
  await client.closed;
  // As long as it is only announced, a value within the limit takes no memory either.
  const patient = await pool.client();
  patient.send(`*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$${512 * MIB}\r\nthe first bytes`);
  assert.equal(await (await pool.client()).command('PING'), 'PONG');
  assert.ok(residentMemory(worker!).nowBytes - before < 32 * MIB);
  patient.destroy();
});

test('max_request_bytes bounds a request, also one of many arguments', async t => {
  const pool = await startRedisPool(t, { settings: ['max_request_bytes: 1mb'] });
  const fits = await pool.client();
  assert.equal(await fits.command('SET', 'k', Buffer.alloc(MIB - 100)), 'OK');
  const many = encodeCommand('MSET', ...Array.from({ length: 60 }, (_, i) => [`k${i}`, Buffer.alloc(30_000)]).flat());
  for (const request of [encodeCommand('SET', 'k', Buffer.alloc(MIB)), many]) {
    const client = await pool.client();
    client.send(request);
    assert.match(String(await client.readLine()), /^-ERR Protocol error: request is larger than the pool accepts\r\n/);
    await client.closed;
  }
  assert.equal(await fits.command('STRLEN', 'k'), MIB - 100);
  fits.destroy();
});

test('memcached: 1 MB goes both ways, and too much is refused in the words of the server', async t => {
  const pool = await startMemcachedPool(t, { servers: 2, memcached: { memoryMiB: 256 } });
  const client = await pool.client();
  const value = bigValue(4).subarray(0, MIB - 1000);
  client.send(
    Buffer.concat([Buffer.from(`set big 5 0 ${value.length}\r\n`), value, Buffer.from('\r\nget big none\r\n')]),
  );
  const want = Buffer.concat([
    Buffer.from(`STORED\r\nVALUE big 5 ${value.length}\r\n`),
    value,
    Buffer.from('\r\nEND\r\n'),
  ]);
  assert.ok((await client.readUntil(want.length)).equals(want));

  const tooBig = 3 * MIB;
  client.send(
    Buffer.concat([Buffer.from(`set big 0 0 ${tooBig}\r\n`), Buffer.alloc(tooBig, 'x'), Buffer.from('\r\n')]),
  );
  assert.equal(String(await client.readLine()), 'SERVER_ERROR object too large for cache\r\n');
  // A server drops what it could not replace.
  client.send('get big\r\n');
  assert.equal(String(await client.readLine()), 'END\r\n');
  client.send(Buffer.concat([Buffer.from('set b 0 0 5 noreply\r\n12345\r\nget b\r\n')]));
  assert.equal(String(await client.readUntil('END\r\n')), 'VALUE b 0 5\r\n12345\r\nEND\r\n');
  client.destroy();
});

test('memcached: a value over the limit of the pool is skipped and the connection stays', async t => {
  const pool = await startMemcachedPool(t, { settings: ['max_request_bytes: 100kb'] });
  const client = await pool.client();
  const line = `set big 0 0 ${MIB}\r\n`;
  client.send(line);
  assert.equal(String(await client.readLine()), 'SERVER_ERROR object too large for cache\r\n');
  client.send(Buffer.concat([Buffer.alloc(MIB, 'get a\r\n'), Buffer.from('\r\nget big\r\n')]));
  assert.equal(String(await client.readLine()), 'END\r\n');
  client.destroy();
});

test('memcached: a server of a larger item size gets larger values', async t => {
  const memcached = { memoryMiB: 256, args: ['-I', '16m'] };
  const pool = await startMemcachedPool(t, { memcached });
  const client = await RawClient.connect(pool.port, { timeoutMs: 20_000 });
  const value = bigValue(5).subarray(0, 10 * MIB);
  client.send(Buffer.concat([Buffer.from(`set big 0 0 ${value.length}\r\n`), value, Buffer.from('\r\nget big\r\n')]));
  const head = `STORED\r\nVALUE big 0 ${value.length}\r\n`;
  const got = await client.readUntil(head.length + value.length + '\r\nEND\r\n'.length);
  assert.equal(digestOf(got.subarray(head.length, head.length + value.length)), digestOf(value));
  client.destroy();
});
