import { hash } from 'node:crypto';
import type { Block } from '../memory/block.ts';
import type { Lesson } from '../protocol/lesson.ts';
import { type ReplySink, Request } from '../request/request.ts';
import { RequestBytes } from '../request/request-bytes.ts';
import type { Backend } from '../upstream/backend.ts';
import type { Pool } from '../upstream/pool.ts';
import type { PrivateConnection } from '../upstream/private-connection.ts';
import type { PrivateConnectionWaiter } from '../upstream/private-connections.ts';

/** Nobody waits longer for what servers say; what comes later is not heard. */
const ASK_WITHIN_MS = 1000;
/** Servers are asked again no earlier, where all have answered, … */
const PAUSE_MS = 60_000;
/** … and where not. */
const RETRY_PAUSE_MS = 1000;
/** So many servers are asked at once. */
const AT_ONCE = 4;

/**
 * Has the servers of a pool asked what a parser may learn, once for all who wait for it:
 *
 *   ask ─▶ a few servers at a time, on private connections ─▶ all have answered, or the time is up ─▶ learned ─▶ who waited goes on
 */
export class ServerLesson {
  private readonly pool: Pool;
  private readonly lessonOf: () => Lesson | null;
  private waiting: (() => void)[] = [];
  /** Null: nobody is being asked. */
  private round: LessonRound | null = null;
  private timer: NodeJS.Timeout | null = null;

  /** `lessonOf`: of the parser that the pool has now. */
  constructor(pool: Pool, lessonOf: () => Lesson | null) {
    this.pool = pool;
    this.lessonOf = lessonOf;
  }

  /** Calls `then` later, when what can be learned is learned. */
  ask(then: () => void): void {
    this.waiting.push(then);
    if (this.round !== null) return;
    const lesson = this.lessonOf();
    if (lesson === null) {
      this.end(false);
      return;
    }
    this.timer = setTimeout(() => this.end(false), ASK_WITHIN_MS).unref();
    this.round = new LessonRound(this.pool.holders, lesson, isWhole => this.end(isWhole));
    this.round.begin();
  }

  private end(isWhole: boolean): void {
    const { round } = this;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    round?.stop();
    // Whoever waits may not be ready yet to go on.
    setImmediate(() => {
      this.round = null;
      const lesson = this.lessonOf();
      if (lesson !== null) {
        if (round !== null) lesson.learn(round.replies);
        lesson.isDue = false;
        setTimeout(() => this.isDueAgain(lesson), isWhole ? PAUSE_MS : RETRY_PAUSE_MS).unref();
      }
      const { waiting } = this;
      this.waiting = [];
      for (const then of waiting) then();
    });
  }

  private isDueAgain(lesson: Lesson): void {
    if (lesson === this.lessonOf()) lesson.isDue = true;
  }
}

/** One time that all servers are asked. */
class LessonRound {
  private readonly servers: Backend[];
  private readonly lesson: Lesson;
  private readonly onEnd: (isWhole: boolean) => void;
  private readonly digests = new Map<string, Buffer>();
  private asked = 0;
  private isWhole = true;
  private isOver = false;

  constructor(servers: readonly Backend[], lesson: Lesson, onEnd: (isWhole: boolean) => void) {
    this.servers = [...servers];
    this.lesson = lesson;
    this.onEnd = onEnd;
  }

  get replies(): readonly Buffer[] {
    return [...this.digests.values()];
  }

  begin(): void {
    for (let i = 0; i < AT_ONCE; i++) this.askNext();
  }

  /** What comes from now on is not heard. */
  stop(): void {
    this.isOver = true;
  }

  private askNext(): void {
    if (this.isOver) return;
    const server = this.servers.shift();
    if (server !== undefined) {
      this.asked++;
      new Question(server, this.lesson, reply => this.heard(reply)).ask();
    } else if (this.asked === 0) {
      this.isOver = true;
      this.onEnd(this.isWhole);
    }
  }

  private heard(reply: Buffer | null): void {
    this.asked--;
    if (this.isOver) return;
    if (reply === null) this.isWhole = false;
    else this.digests.set(hash('sha256', reply, 'hex'), reply);
    this.askNext();
  }
}

/** One server is asked, on a connection that nobody else uses meanwhile. */
class Question implements PrivateConnectionWaiter, ReplySink {
  readonly variant = 0;
  private readonly server: Backend;
  private readonly lesson: Lesson;
  /** Called once; null: there is no reply that could be of use. */
  private readonly onReplied: (reply: Buffer | null) => void;
  private connection: PrivateConnection | null = null;
  private readonly pieces: Buffer[] = [];
  private sizeBytes = 0;

  constructor(server: Backend, lesson: Lesson, onReplied: (reply: Buffer | null) => void) {
    this.server = server;
    this.lesson = lesson;
    this.onReplied = onReplied;
  }

  ask(): void {
    this.server.acquirePrivate(this);
  }

  onConnection(connection: PrivateConnection): void {
    const { request } = this.lesson;
    this.connection = connection;
    connection.send(new Request(this, 0), new RequestBytes().set(request, 0, request.length, null));
  }

  onRefused(): void {
    this.onReplied(null);
  }

  /** What was asked on it has failed already. */
  onConnectionLost(): void {}

  onReply(_request: Request, buf: Buffer, start: number, end: number, isLast: boolean, _block: Block | null): void {
    this.sizeBytes += end - start;
    const isTooLong = this.sizeBytes > this.lesson.maxReplyBytes;
    if (isTooLong) this.pieces.length = 0;
    else this.pieces.push(Buffer.from(buf.subarray(start, end)));
    if (!isLast) return;
    if (this.connection !== null) this.server.releasePrivate(this.connection, true);
    this.onReplied(isTooLong ? null : Buffer.concat(this.pieces));
  }

  onFailure(): void {
    if (this.connection !== null) this.server.releasePrivate(this.connection, false);
    this.onReplied(null);
  }
}
