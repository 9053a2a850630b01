// Microseconds that a request of 100 keys costs in the proxy, sockets apart, and the steps that it consists of.
// Run: node bench/micro/multi-key.ts
//      node --cpu-prof bench/micro/multi-key.ts MGET 5     five seconds of nothing but the whole of one of them

import { PoolStats } from '../../src/figures/statistics.ts';
import { takeBlock } from '../../src/memory/block.ts';
import { copyRuns } from '../../src/memory/runs.ts';
import { KeyRing } from '../../src/placement/key-ring.ts';
import { memcachedProtocol } from '../../src/protocol/memcached/memcached.ts';
import type { Protocol } from '../../src/protocol/protocol.ts';
import { redisProtocol } from '../../src/protocol/redis/redis.ts';
import type { RequestOrigin } from '../../src/proxy/request-origin.ts';
import { Router } from '../../src/proxy/router.ts';
import type { ReplyOut, Request } from '../../src/request/request.ts';
import { RequestBytes } from '../../src/request/request-bytes.ts';
import type { Pool } from '../../src/upstream/pool.ts';
import { IDLE_RESHARD, IdleOrigin } from '../../test/support/idle-origin.ts';
import { measure, printTable } from './measure.ts';

const KEYS = 100;
const VALUE = 'x'.repeat(100);
const SERVER_COUNTS = [2, 20];
const WARM_UP_MS = 1000;
const CHUNK_BYTES = 16 * 1024;
const PARSER_OPTIONS = { poolName: 'bench', version: '0', maxRequestBytes: 1 << 30, password: null };

/** A kind of request with many keys, and what a server that has them all answers. */
interface Dialect {
  readonly name: string;
  readonly protocol: Protocol;
  request(keys: readonly string[]): string;
  reply(keys: readonly string[]): string;
}

const DIALECTS: readonly Dialect[] = [
  {
    name: 'MGET',
    protocol: redisProtocol,
    request: keys => encode('MGET', ...keys),
    reply: keys => encode(...keys.map(() => VALUE)),
  },
  {
    name: 'get',
    protocol: memcachedProtocol,
    request: keys => `get ${keys.join(' ')}\r\n`,
    reply: keys => `${keys.map(key => `VALUE ${key} 0 ${VALUE.length}\r\n${VALUE}\r\n`).join('')}END\r\n`,
  },
];

function encode(...words: readonly string[]): string {
  return `*${words.length}\r\n${words.map(word => `$${word.length}\r\n${word}\r\n`).join('')}`;
}

/** Has one connection and one request at a time, which it answers when told to. */
class Backend {
  readonly isLive = true;
  readonly place: number;
  readonly reply: Buffer;
  private readonly scanner;
  private request: Request | null = null;

  constructor(place: number, protocol: Protocol, reply: Buffer) {
    this.place = place;
    this.scanner = protocol.createReplyScanner();
    this.reply = reply;
  }

  connectionFor(): this {
    return this;
  }

  send(request: Request): void {
    this.request = request;
  }

  answer(): void {
    const { request, reply } = this;
    if (request === null) return;
    this.request = null;
    this.scan(request.replyKind);
    request.sink?.onReply(request, reply, 0, reply.length, true, null);
  }

  scan(replyKind: number): void {
    this.scanner.begin(replyKind);
    const end = this.scanner.scan(this.reply, 0, this.reply.length);
    if (end !== this.reply.length) throw new Error('a reply was not understood');
  }
}

/** Gathers small pieces in a chunk, as an outbox does. */
class Out implements ReplyOut {
  bytes = 0;
  private readonly chunk = takeBlock(CHUNK_BYTES);
  private used = 0;

  append(buf: Buffer, start: number, end: number): void {
    const size = end - start;
    if (this.used + size > CHUNK_BYTES) this.used = 0;
    buf.copy(this.chunk.bytes, this.used, start, end);
    this.used += size;
    this.bytes += size;
  }

  appendRuns(buffers: readonly Buffer[], runs: Int32Array, end: number, size: number): void {
    if (this.used + size > CHUNK_BYTES) this.used = 0;
    copyRuns(this.chunk, this.used, buffers, runs, end);
    this.used += size;
    this.bytes += size;
  }

  appendOwned(bytes: Buffer): void {
    if (bytes.length <= CHUNK_BYTES) this.append(bytes, 0, bytes.length);
    else this.bytes += bytes.length;
  }
}

/** One client, its request, and its servers, whose keys are spread as in life. */
class MultiKeyRequest {
  private readonly session;
  private readonly parser;
  private readonly request: Buffer;
  private readonly bytes = new RequestBytes();
  private readonly keyRing: KeyRing;
  private readonly backends: Backend[];
  private readonly owners: Int32Array;
  private readonly members: Int32Array[] = [];
  private readonly parts: Buffer[] = [];
  private readonly router: Router;
  private readonly out = new Out();
  private readonly origin: RequestOrigin = Object.assign(new IdleOrigin(), {
    enqueue() {},
    answer() {},
    onReply() {},
    onFailure() {},
    failWith() {},
    onPart() {},
    onCoalesced: (request: Request) => request.releaseTo(this.out),
  });

  constructor({ protocol, request, reply }: Dialect, serverCount: number) {
    const servers = Array.from({ length: serverCount }, (_, i) => ({ name: `10.0.0.${i}:6379`, weight: 1 }));
    const keyRing = new KeyRing({ hash: 'fnv1a_64', hashTag: null, distribution: 'ketama', servers });
    const keys = Array.from({ length: KEYS }, (_, i) => `value-100:${String((i * 7919 ** 2) % 1e4).padStart(12, '0')}`);
    const homes = keys.map(key => keyRing.pick(Buffer.from(key), 0, key.length));
    this.backends = servers.map(
      (_, i) => new Backend(i, protocol, Buffer.from(reply(keys.filter((_, k) => homes[k] === i)))),
    );
    const used = [...new Set(homes)];
    this.owners = Int32Array.from(homes, home => used.indexOf(home));
    for (const home of used) {
      this.parts.push(this.backends[home]!.reply);
      this.members.push(Int32Array.from(keys.keys()).filter(key => homes[key] === home));
    }
    this.keyRing = keyRing;
    const pool = {
      stats: new PoolStats(),
      backends: this.backends,
      pick: (buf: Buffer, start: number, end: number) => this.backends[keyRing.pick(buf, start, end)],
    };
    this.router = new Router(pool as unknown as Pool, protocol, false, {
      maxPipeline: 4096,
      bufferBytes: 1 << 20,
      sweepTimeoutMs: 60_000,
      maxSweeps: 2,
      subscriptions: { ofClient: 1, ofWorker: 1 },
      reshard: IDLE_RESHARD,
    });
    this.session = protocol.createSession(1);
    this.parser = protocol.createParser(PARSER_OPTIONS);
    this.request = Buffer.from(request(keys));
    this.whole();
    if (this.out.bytes !== reply(keys).length) throw new Error('the merged reply is not as long as it should be');
  }

  parse(): void {
    this.parser.parse(this.session, this.request, 0, this.request.length);
  }

  pick(): void {
    const { keyRing, parser, request } = this;
    for (let i = 0; i < KEYS; i++) sink ^= keyRing.pick(request, parser.keyStarts[i]!, parser.keyEnds[i]!);
  }

  fragment(): void {
    const { parser, request } = this;
    for (const list of this.members) {
      const { block, length } = parser.fragment(request, 0, request.length, list, list.length);
      sink ^= length;
      block.release();
    }
  }

  /** Parses it and sends its fragments. */
  send(): void {
    this.parse();
    const { bytes, request } = this;
    this.router.dispatch(this.origin, this.parser, bytes.set(request, 0, request.length, null));
  }

  scan(): void {
    for (const backend of this.backends) backend.scan(this.parser.replyKind);
  }

  merge(): void {
    this.parser.coalescer.merge(this.parts, this.owners, this.out);
  }

  whole(): void {
    this.send();
    for (const backend of this.backends) backend.answer();
  }
}

const STEPS = ['parse', 'pick', 'fragment', 'scan', 'merge', 'send', 'whole'] as const;

function run(request: MultiKeyRequest, step: (typeof STEPS)[number], calls: number): void {
  for (let i = 0; i < calls; i++) request[step]();
}

let sink = 0;

/** Microseconds per request over so many seconds. */
function loop(request: MultiKeyRequest, ms: number): number {
  const from = performance.now();
  let calls = 0;
  for (; performance.now() < from + ms; calls += 1000) run(request, 'whole', 1000);
  return ((performance.now() - from) * 1000) / calls;
}

const [only, seconds] = process.argv.slice(2);
if (only !== undefined) {
  const dialect = DIALECTS.find(({ name }) => name === only)!;
  for (const count of SERVER_COUNTS) {
    const us = loop(new MultiKeyRequest(dialect, count), Number(seconds) * 1000);
    console.log(`${only}, ${KEYS} keys, ${count} servers: ${us.toFixed(2)} µs`);
  }
} else {
  const rows = DIALECTS.flatMap(dialect =>
    SERVER_COUNTS.map(count => {
      const request = new MultiKeyRequest(dialect, count);
      loop(request, WARM_UP_MS);
      const costs = STEPS.map(step => measure(calls => run(request, step, calls)));
      const heapBytes = costs.at(-1)!.bytesPerCall;
      const name = `${dialect.name}, ${KEYS} keys, ${count} servers`;
      return [name, ...costs.map(cost => (cost.nsPerCall / 1000).toFixed(2)), heapBytes.toFixed(0)];
    }),
  );
  printTable(['µs', ...STEPS, 'heap B'], rows);
}
process.exitCode = sink === 0.5 ? 1 : 0;
