// A process of its own with clients that ask at a fixed rate, whatever becomes of what they asked before: request number i
// falls due i / rate after the start and goes out on the connection that has rested longest. Its latency counts from then on, so
// that whoever keeps one waiting is charged for all that wait behind it.
//
//   parent ── ClientJob, then NextPart … ──▶ this ── PartResult for each part that is over ──▶ parent
//
// It ends with its parent. Between two turns of its event loop it sleeps some 0.1 ms, for the reason that load/generator.ts gives.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { fetchReply, fetchRequest, storeReply, storeRequest } from '../load/data-set.ts';
import { LatencyHistogram } from '../load/latency-histogram.ts';
import { type ClientJob, type NextPart, type PartResult, SLICE_MS, type Slice } from './client-job.ts';

const SLEEP_MS = 0.05;
const NIL = Buffer.from('$-1\r\n');
const sleeping = new Int32Array(new SharedArrayBuffer(4));

/** What was asked on a connection, until it is answered. */
interface Asked {
  readonly key: number;
  readonly isWrite: boolean;
  /** After a miss: of what nobody waits for. */
  readonly isRefill: boolean;
  readonly dueAtMs: number;
}

class Part {
  readonly name: string;
  readonly startedAtMs = performance.now();
  private readonly cpu = process.cpuUsage();
  readonly latencies = new LatencyHistogram();
  readonly lateness = new LatencyHistogram();
  errors = 0;
  error: string | null = null;
  misses = 0;
  private slice = new LatencyHistogram();
  private sliceMisses = 0;
  private sliceEndsAtMs = this.startedAtMs + SLICE_MS;
  private readonly timeline: Slice[] = [];

  constructor(name: string) {
    this.name = name;
  }

  record(nowMs: number, dueAtMs: number): void {
    this.endSlices(nowMs);
    this.latencies.record((nowMs - dueAtMs) * 1000);
    this.slice.record((nowMs - dueAtMs) * 1000);
  }

  missed(): void {
    this.misses++;
    this.sliceMisses++;
  }

  failed(words: string): void {
    this.errors++;
    this.error ??= words;
  }

  end(): PartResult {
    const seconds = (performance.now() - this.startedAtMs) / 1000;
    const { user, system } = process.cpuUsage(this.cpu);
    const { latencies } = this;
    return {
      ...{ part: this.name, seconds, requests: latencies.count, errors: this.errors, error: this.error },
      misses: this.misses,
      p50Ms: latencies.quantileUs(0.5) / 1000,
      p99Ms: latencies.quantileUs(0.99) / 1000,
      p999Ms: latencies.quantileUs(0.999) / 1000,
      maxMs: latencies.maxUs / 1000,
      lateP99Ms: this.lateness.quantileUs(0.99) / 1000,
      cores: (user + system) / 1e6 / seconds,
      startedAtMs: performance.timeOrigin + this.startedAtMs,
      timeline: this.timeline,
    };
  }

  private endSlices(nowMs: number): void {
    for (; nowMs >= this.sliceEndsAtMs; this.sliceEndsAtMs += SLICE_MS) {
      const { slice } = this;
      const [p99Ms, maxMs] = [slice.quantileUs(0.99) / 1000, slice.maxUs / 1000];
      this.timeline.push({ requests: slice.count, misses: this.sliceMisses, p99Ms, maxMs });
      this.slice = new LatencyHistogram();
      this.sliceMisses = 0;
    }
  }
}

class Clients {
  private readonly job: ClientJob;
  private readonly value: Buffer;
  private readonly stored: Buffer;
  private readonly idle: Connection[] = [];
  /** Values that were fetched from the database and are to be stored. */
  private readonly refills: number[] = [];
  private part = new Part('');
  private startedAtMs = 0;
  private sent = 0;

  constructor(job: ClientJob) {
    this.job = job;
    this.value = fetchReply(job.data, [0]);
    this.stored = storeReply(job.data);
  }

  async run(): Promise<void> {
    for (let i = 0; i < this.job.clients; i++) this.idle.push(await this.open());
    this.startedAtMs = performance.now();
    this.turn();
  }

  next(part: string): PartResult {
    const result = this.part.end();
    this.part = new Part(part);
    return result;
  }

  private turn(): void {
    this.sendDue(true);
    Atomics.wait(sleeping, 0, 0, SLEEP_MS);
    setImmediate(() => this.turn());
  }

  private sendDue(wasFree: boolean): void {
    const { idle, refills, job } = this;
    while (refills.length > 0 && idle.length > 0) {
      this.send({ key: refills.shift()!, isWrite: true, isRefill: true, dueAtMs: 0 });
    }
    const nowMs = performance.now();
    const perMs = job.ratePerSecond / 1000;
    const due = Math.floor((nowMs - this.startedAtMs) * perMs);
    while (this.sent < due && idle.length > 0) {
      const dueAtMs = this.startedAtMs + this.sent++ / perMs;
      if (wasFree) this.part.lateness.record((nowMs - dueAtMs) * 1000);
      const isWrite = Math.random() < job.writeShare;
      this.send({ key: Math.floor(Math.random() * job.data.keys), isWrite, isRefill: false, dueAtMs });
    }
  }

  private send(asked: Asked): void {
    const { data } = this.job;
    const { key, isWrite } = asked;
    this.idle.shift()!.send(asked, isWrite ? storeRequest(data, key) : fetchRequest(data, [key]));
  }

  private answered(connection: Connection, asked: Asked, reply: Buffer): void {
    const nowMs = performance.now();
    const wasFree = this.idle.length > 0;
    this.idle.push(connection);
    const { part } = this;
    if (reply.equals(asked.isWrite ? this.stored : this.value)) {
      if (!asked.isRefill) part.record(nowMs, asked.dueAtMs);
    } else if (this.job.backendMs !== null && reply.equals(NIL)) {
      part.missed();
      setTimeout(() => {
        this.part.record(performance.now(), asked.dueAtMs);
        this.refills.push(asked.key);
      }, this.job.backendMs);
    } else {
      part.failed(`${asked.isWrite ? 'SET' : 'GET'}: ${reply.toString('latin1', 0, 200).trim()}`);
    }
    this.sendDue(wasFree);
  }

  private async open(): Promise<Connection> {
    const socket = connect({ port: this.job.port, host: '127.0.0.1', noDelay: true });
    socket.on('error', error => fail(`a connection failed: ${error.message}`));
    socket.on('end', () => fail('a connection was closed'));
    await once(socket, 'connect');
    return new Connection(socket, (connection, asked, reply) => this.answered(connection, asked, reply));
  }
}

class Connection {
  private readonly socket: Socket;
  private asked: Asked | null = null;
  private reply: Buffer = Buffer.alloc(0);

  constructor(socket: Socket, answered: (connection: Connection, asked: Asked, reply: Buffer) => void) {
    this.socket = socket;
    socket.on('data', (bytes: Buffer) => {
      this.reply = this.reply.length === 0 ? bytes : Buffer.concat([this.reply, bytes]);
      if (!isWhole(this.reply)) return;
      const { asked, reply } = this;
      if (asked === null) fail(`nobody asked for ${reply.toString('latin1', 0, 100)}`);
      this.asked = null;
      this.reply = Buffer.alloc(0);
      answered(this, asked, reply);
    });
  }

  send(asked: Asked, request: Buffer): void {
    this.asked = asked;
    this.socket.write(request);
  }
}

/** A line, or a bulk string. */
function isWhole(reply: Buffer): boolean {
  const end = reply.indexOf('\n') + 1;
  if (end === 0) return false;
  if (reply[0] !== 0x24 || reply[1] === 0x2d) return true;
  return reply.length >= end + Number(reply.toString('latin1', 1, end - 2)) + 2;
}

function fail(message: string): never {
  process.stderr.write(`clients: ${message}\n`);
  process.exit(1);
}

process.once('disconnect', () => process.exit());
process.once('message', async (job: ClientJob) => {
  const clients = new Clients(job);
  await clients.run();
  process.on('message', ({ part }: NextPart) => process.send?.(clients.next(part)));
  process.send?.('ready');
});
