// Clients of one request each, at a rate, whatever became of those before: connect, ask, read the answer to its end.
import { connect } from 'node:net';
import { encodeCommand } from '../support/resp-reader.ts';

/** What is to be there before any of them. */
export const ASKED_KEY = 'short';
export const ASKED_VALUE = 'as it was';

/** What is due goes out so often. */
const TURN_MS = 5;
/** So many may be under way: fewer than a listen backlog takes, and more only when nobody accepts any more. */
const UNDER_WAY_MAX = 400;
/** Whoever has no answer by then has none: far beyond any timeout of a daemon or of a kernel's second SYN. */
const ANSWER_WITHIN_MS = 20_000;
/** One of so many goes to the unix socket. */
const UNIX_EVERY = 8;
/** An address has some 28,000 ports for clients, and each rests after its use: loopback has as many addresses as are wanted. */
const ADDRESSES = 16;

export class ShortConnections {
  answered = 0;
  /** What went wrong, and how often. */
  readonly failures = new Map<string, number>();
  private readonly port: number;
  private readonly path: string;
  private readonly perSecond: number;
  private timer: NodeJS.Timeout | null = null;
  private begun = 0;
  private underWay = 0;
  private lastMs = 0;
  private due = 0;
  private onIdle: (() => void) | null = null;

  /** The port is listened at on every address of loopback. */
  constructor(port: number, path: string, perSecond: number) {
    this.port = port;
    this.path = path;
    this.perSecond = perSecond;
  }

  start(): void {
    this.lastMs = performance.now();
    this.timer = setInterval(() => this.turn(), TURN_MS);
  }

  /** Resolves when those under way are done. */
  stop(): Promise<void> {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
    return new Promise(resolve => {
      if (this.underWay === 0) resolve();
      else this.onIdle = resolve;
    });
  }

  /** What a busy machine does not get to is not made up for: the rate that was reached is in the figures. */
  private turn(): void {
    const nowMs = performance.now();
    this.due = Math.min(this.due + ((nowMs - this.lastMs) / 1000) * this.perSecond, this.perSecond / 20);
    this.lastMs = nowMs;
    for (; this.due >= 1 && this.underWay < UNDER_WAY_MAX; this.due--) this.begin();
  }

  private begin(): void {
    const number = this.begun++;
    const isUnix = number % UNIX_EVERY === 0;
    const socket = isUnix
      ? connect(this.path)
      : connect({ port: this.port, host: `127.0.0.${1 + (number % ADDRESSES)}` });
    // One word comes back from Ringmaster itself, the other by way of the server.
    const word = number % 2 === 0 ? `word-${number}` : ASKED_VALUE;
    const expected = `$${word.length}\r\n${word}\r\n`;
    let reply = '';
    let isDone = false;
    const done = (failure: string | null) => {
      if (isDone) return;
      isDone = true;
      socket.destroy();
      if (failure === null) this.answered++;
      else this.fail(`${isUnix ? 'unix' : 'TCP'}: ${failure}`);
      if (--this.underWay === 0) this.onIdle?.();
    };
    this.underWay++;
    socket.setEncoding('latin1').on('data', (text: unknown) => {
      reply += text;
      if (reply === expected) done(null);
      else if (!expected.startsWith(reply)) done(`answered wrong: ${JSON.stringify(reply.slice(0, 100))}`);
    });
    socket.on('end', () => done(reply === '' ? 'closed without an answer' : 'closed inside the answer'));
    socket.on('error', (error: NodeJS.ErrnoException) => done(error.code ?? error.message));
    socket.setTimeout(ANSWER_WITHIN_MS, () => done(`no answer within ${ANSWER_WITHIN_MS} ms`));
    socket.write(encodeCommand(...(number % 2 === 0 ? ['ECHO', word] : ['GET', ASKED_KEY])));
  }

  private fail(what: string): void {
    this.failures.set(what, (this.failures.get(what) ?? 0) + 1);
  }
}
