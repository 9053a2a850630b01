// One backend of the proxy, on its own, with clients that keep what they are told.
import type { TestContext } from 'node:test';
import { BackendStats } from '../../src/figures/statistics.ts';
import { Clock } from '../../src/loop/clock.ts';
import { Turn } from '../../src/loop/turn.ts';
import { redisProtocol } from '../../src/protocol/redis/redis.ts';
import type { FailureReason } from '../../src/request/failure.ts';
import { type ReplySink, Request } from '../../src/request/request.ts';
import { RequestBytes } from '../../src/request/request-bytes.ts';
import type { ReadyLine } from '../../src/socket/ready-lines.ts';
import { Backend, type BackendHost } from '../../src/upstream/backend.ts';
import type { BackendOptions } from '../../src/upstream/backend-options.ts';
import { CollectedLog } from './collected-log.ts';
import { encodeCommand } from './resp-reader.ts';
import { waitFor } from './wait-for.ts';

/** What became of one request. */
export class Answer implements ReplySink {
  text = '';
  failure: FailureReason | null = null;
  isSettled = false;
  private readonly what: string;

  constructor(what: string) {
    this.what = what;
  }

  onReply(_request: Request, buf: Buffer, start: number, end: number, isLast: boolean): void {
    this.text += buf.toString('latin1', start, end);
    if (isLast) this.settle();
  }

  onFailure(_request: Request, reason: FailureReason): void {
    this.failure = reason;
    this.settle();
  }

  /** Resolves with the reply, or the reason of the failure. */
  async settled(): Promise<string> {
    await waitFor(() => this.isSettled, { what: `the answer to ${this.what}`, everyMs: 1 });
    return this.failure ?? this.text;
  }

  private settle(): void {
    if (this.isSettled) throw new Error(`${this.what} was settled twice`);
    this.isSettled = true;
  }
}

/** A backend with a clock of its own that ticks, and what it needs of a worker. */
export class BackendUnderTest implements BackendHost {
  readonly turn = new Turn();
  readonly clock = new Clock(this.turn);
  readonly log = new CollectedLog();
  readonly stats = new BackendStats();
  /** 'out' and 'in', as it left the ring and came back. */
  readonly moves: string[] = [];
  /** What it told the master, and whether there is one. */
  readonly troubles: FailureReason[] = [];
  hasMaster = false;
  ejections = 0;
  readonly backend: Backend;

  constructor(t: TestContext, port: number, options: Partial<BackendOptions> = {}) {
    this.backend = new Backend(
      {
        name: 'server',
        address: { host: '127.0.0.1', port },
        // Its private connections have no number: fake servers are asked what the test asks, and no more.
        protocol: { ...redisProtocol, waits: null },
        tls: null,
        credentials: null,
        db: 0,
        connections: 1,
        privateConnections: 256,
        timeoutMs: 0,
        queueTimeoutMs: 0,
        connectTimeoutMs: 5000,
        keepaliveIdleMs: 60_000,
        maxInflight: 1 << 20,
        outputLimitBytes: 1 << 30,
        autoEject: false,
        failureLimit: 2,
        retryTimeoutMs: 50,
        ...options,
      },
      this,
      this.stats,
    );
    this.clock.onTick(nowMs => this.backend.checkDeadlines(nowMs));
    this.clock.start(5);
    t.after(() => {
      this.clock.stop();
      this.backend.close();
    });
  }

  /** So many turns of the event loop: what was to happen at once has happened. */
  async turns(count: number): Promise<void> {
    for (let i = 0; i < count; i++) await new Promise(resolve => setImmediate(resolve));
  }

  /** Sends GET key for a client. */
  get(key: string, clientId = 1): Answer {
    return this.send(encodeCommand('GET', key), clientId);
  }

  send(bytes: Buffer, clientId = 1, variant = 0, replyKind = 0, tenant: ReadyLine | null = null): Answer {
    const answer = new Answer(bytes.toString('latin1', 0, 40));
    this.clock.refresh();
    const connection = this.backend.connectionFor(clientId, variant);
    connection.send(new Request(answer, replyKind), new RequestBytes().set(bytes, 0, bytes.length, null), tenant);
    return answer;
  }

  onAwake(): void {}

  onDoubt(): void {}

  /** Who decides for all workers; false: nobody does. */
  onTrouble(_server: string, reason: FailureReason): boolean {
    this.troubles.push(reason);
    return this.hasMaster;
  }

  onEjection(): void {
    this.ejections++;
  }

  onEjectionChange(): void {
    this.moves.push(this.backend.isLive ? 'in' : 'out');
  }
}
