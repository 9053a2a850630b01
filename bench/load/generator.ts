// A process of its own that makes load: what redis-benchmark can't (memcached, a fixed rate).
//
//   node bench/load/generator.ts '{"ports":…}'      → one line of JSON on standard output
//
// Each connection has one request under way. At a fixed rate request number i falls due i / rate after the start, whatever
// became of the earlier ones, and goes out as soon as a connection is free; its latency counts from when it fell due, so
// a proxy that stalls is charged for all that it keeps waiting. Node's timers know whole milliseconds only, and a burst
// each millisecond would measure the burst; a generator that spins would take the core that it shares with the servers.
// So it sleeps a tenth of a millisecond between two turns of the event loop: what is due goes out, and what has come is
// read, that much late at most, and for every contender alike.
//
// Every value of a data set has the same length and every key is there, so a
// reply is known by its length; its first and last bytes are checked. Requests are rendered before the clock starts.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { fetchReply, fetchRequest, storeReply, storeRequest } from './data-set.ts';
import type { GeneratorJob, GeneratorResult } from './generator-job.ts';
import { LatencyHistogram } from './latency-histogram.ts';

const READ_BUFFER_BYTES = 256 * 1024;
/** Rendered requests to choose from at random, fewer where they are long. */
const VARIANTS = 4096;
const VARIANT_BYTES = 4 << 20;
/** The beginning of a run is left out of the latencies: the generator itself is slow then. */
const UNTIMED_SHARE = 0.05;
/** To which Linux adds another 50 µs of its own (timer slack). */
const SLEEP_MS = 0.05;
/** Connections opened at once: fewer than a listen backlog takes. */
const OPENING = 100;
const LF = 10;

/** Nobody wakes who waits for it. */
const sleeping = new Int32Array(new SharedArrayBuffer(4));
const readBuffer = Buffer.allocUnsafeSlow(READ_BUFFER_BYTES);

class Generator {
  private readonly job: GeneratorJob;
  private readonly requests: Buffer[];
  private readonly replyBytes: number;
  private readonly firstByte: number;
  private readonly latencies = new LatencyHistogram();
  /** How much later than due requests went out for which a connection was free: the generator's own fault. */
  private readonly lateness = new LatencyHistogram();
  /** Those without a request under way; the one that has rested longest is first. */
  private readonly idle: Connection[] = [];
  private readonly untimed: number;
  private sent = 0;
  private answered = 0;
  private random = 0x2545f491;
  private startedAtMs = 0;
  private readonly finished = Promise.withResolvers<void>();

  constructor(job: GeneratorJob) {
    this.job = job;
    this.requests = renderRequests(job);
    const reply = job.isWrite ? storeReply(job.data) : fetchReply(job.data, new Array<number>(job.keys).fill(0));
    this.replyBytes = reply.length;
    this.firstByte = reply[0]!;
    this.untimed = Math.floor(job.requests * UNTIMED_SHARE);
  }

  async run(): Promise<GeneratorResult> {
    const connections: Connection[] = [];
    while (connections.length < this.job.clients) {
      const count = Math.min(OPENING, this.job.clients - connections.length);
      const first = connections.length;
      connections.push(...(await Promise.all(Array.from({ length: count }, (_, i) => this.open(first + i)))));
    }
    const cpuBefore = process.cpuUsage();
    this.startedAtMs = performance.now();
    if (this.job.ratePerSecond === null) {
      for (const connection of connections) this.next(connection, this.startedAtMs);
    } else {
      this.idle.push(...connections);
      this.turn();
    }
    await this.finished.promise;
    const seconds = (performance.now() - this.startedAtMs) / 1000;
    const cpu = process.cpuUsage(cpuBefore);
    const { latencies, lateness } = this;
    return {
      seconds,
      p50Ms: latencies.quantileUs(0.5) / 1000,
      p99Ms: latencies.quantileUs(0.99) / 1000,
      p999Ms: latencies.quantileUs(0.999) / 1000,
      maxMs: latencies.maxUs / 1000,
      lateP999Ms: lateness.quantileUs(0.999) / 1000,
      cores: (cpu.user + cpu.system) / 1e6 / seconds,
    };
  }

  /** The connection has its reply, or was never used. */
  private next(connection: Connection, nowMs: number): void {
    if (this.job.ratePerSecond === null) {
      if (this.sent < this.job.requests) this.send(connection, nowMs);
      return;
    }
    const wasFree = this.idle.length > 0;
    this.idle.push(connection);
    this.sendDue(nowMs, wasFree);
  }

  /** Takes what a connection has read; `left` bytes of its reply were missing. Returns how many are missing now. */
  take(connection: Connection, left: number, length: number): number {
    if (left === this.replyBytes && readBuffer[0] !== this.firstByte) this.unexpected(length);
    if (left < length) this.unexpected(length);
    if (left > length) return left - length;
    if (readBuffer[length - 1] !== LF) this.unexpected(length);
    const nowMs = performance.now();
    if (this.answered++ >= this.untimed) this.latencies.record((nowMs - connection.fromMs) * 1000);
    if (this.answered === this.job.requests) this.finished.resolve();
    else this.next(connection, nowMs);
    return connection.left;
  }

  private turn(): void {
    this.sendDue(performance.now(), true);
    Atomics.wait(sleeping, 0, 0, SLEEP_MS);
    setImmediate(() => this.turn());
  }

  /** Sends what has fallen due as far as connections are free; `wasFree`: one has been for some time. */
  private sendDue(nowMs: number, wasFree: boolean): void {
    const perMs = (this.job.ratePerSecond as number) / 1000;
    const due = Math.min(this.job.requests, Math.floor((nowMs - this.startedAtMs) * perMs));
    while (this.sent < due && this.idle.length > 0) {
      const dueAtMs = this.startedAtMs + this.sent / perMs;
      if (wasFree && this.sent >= this.untimed) this.lateness.record((nowMs - dueAtMs) * 1000);
      this.send(this.idle.shift()!, dueAtMs);
    }
  }

  private send(connection: Connection, fromMs: number): void {
    this.sent++;
    // xorshift32
    let x = this.random;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.random = x;
    connection.send(this.requests[(x >>> 0) % this.requests.length]!, fromMs, this.replyBytes);
  }

  private async open(index: number): Promise<Connection> {
    let connection: Connection | null = null;
    const socket = connect({
      port: this.job.ports[index % this.job.ports.length]!,
      host: '127.0.0.1',
      noDelay: true,
      onread: {
        buffer: readBuffer,
        callback: length => {
          if (connection !== null) connection.left = this.take(connection, connection.left, length);
          return true;
        },
      },
    });
    socket.on('end', () => fail('the proxy closed a connection'));
    socket.on('error', error => fail(`a connection failed: ${error.message}`));
    await once(socket, 'connect');
    connection = new Connection(socket);
    return connection;
  }

  private unexpected(length: number): never {
    return fail(`unexpected reply: ${JSON.stringify(readBuffer.toString('latin1', 0, Math.min(length, 200)))}`);
  }
}

class Connection {
  /** When its request was sent, or fell due. */
  fromMs = 0;
  /** Bytes of the reply still to come. */
  left = 0;
  private readonly socket: Socket;

  constructor(socket: Socket) {
    this.socket = socket;
  }

  send(request: Buffer, fromMs: number, replyBytes: number): void {
    this.fromMs = fromMs;
    this.left = replyBytes;
    this.socket.write(request);
  }
}

function renderRequests({ data, keys, isWrite }: GeneratorJob): Buffer[] {
  const randomKey = () => Math.floor(Math.random() * data.keys);
  const render = () =>
    isWrite ? storeRequest(data, randomKey()) : fetchRequest(data, Array.from({ length: keys }, randomKey));
  const first = render();
  const count = Math.max(1, Math.min(VARIANTS, Math.floor(VARIANT_BYTES / first.length)));
  return [first, ...Array.from({ length: count - 1 }, render)];
}

function fail(message: string): never {
  process.stderr.write(`generator: ${message}\n`);
  process.exit(1);
}

const result = await new Generator(JSON.parse(process.argv[2] ?? '{}') as GeneratorJob).run();
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit());
