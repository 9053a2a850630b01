import { connect, type Socket } from 'node:net';
import { addressText, type FixedAddress } from '../config/address.ts';
import type { PoolConfig } from '../config/config.ts';
import { ownProxyHeader } from '../system/own-proxy-header.ts';
import { startServerTls } from '../system/server-tls.ts';
import { MoveTrouble } from './protocol-mover.ts';

/** Who waits for the answer to a question. */
interface Asker {
  reject(error: Error): void;
}

/** A connection to a server of a pool: questions are answered in their order. What goes wrong is a MoveTrouble. */
export abstract class MoverConnection<Waiting extends Asker> {
  readonly server: string;
  readonly socket: Socket;
  protected readonly waiting: Waiting[] = [];
  private readonly timeoutMs: number;
  private ownAddress: string | null = null;
  private timer: NodeJS.Timeout | null = null;
  protected fault: MoveTrouble | null = null;

  /** `timeoutMs`: how long the server may say nothing while it is asked something. */
  protected constructor(pool: PoolConfig, address: FixedAddress, timeoutMs: number) {
    this.server = addressText(address);
    this.timeoutMs = timeoutMs;
    const plain = connect({ ...address });
    const header = ownProxyHeader(pool.serverProxyProtocol);
    if (header !== null) plain.write(header);
    const tls = pool.tls?.servers ?? null;
    this.socket = tls === null ? plain : startServerTls(plain, address, tls);
    if (tls !== null) plain.on('error', error => this.fail(error.message));
    plain.once('connect', () => {
      this.ownAddress = plain.localAddress ?? null;
    });
    this.socket.on('data', (bytes: Buffer) => this.read(bytes));
    this.socket.on('error', (error: NodeJS.ErrnoException) => this.fail(error.code ?? error.message));
    this.socket.on('close', () => this.fail('it closed the connection'));
  }

  /** Under which address this host asks; a unix socket's path. */
  get here(): string {
    return this.ownAddress ?? this.server;
  }

  close(): void {
    this.fault ??= new MoveTrouble(`${this.server}: closed`);
    if (this.timer !== null) clearTimeout(this.timer);
    this.socket.destroy();
  }

  /** Hands what has come to those who wait, and calls `arm`. */
  protected abstract read(bytes: Buffer): void;

  /** `waiting`: makes the place in the queue, with what the promise is settled by. */
  protected send<T>(
    words: Buffer,
    waiting: (resolve: (answer: T) => void, reject: (error: Error) => void) => Waiting,
  ): Promise<T> {
    if (this.fault !== null) return Promise.reject(this.fault);
    return new Promise((resolve, reject) => {
      this.waiting.push(waiting(resolve, reject));
      this.socket.write(words);
      this.arm();
    });
  }

  protected arm(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    if (this.waiting.length === 0 || this.fault !== null) return;
    const overdue = () => this.fail(`no answer within ${this.timeoutMs} ms`);
    this.timer = setTimeout(() => setImmediate(overdue), this.timeoutMs);
  }

  protected fail(why: string): void {
    if (this.fault !== null) return;
    this.fault = new MoveTrouble(`${this.server}: ${why}`);
    this.close();
    for (const { reject } of this.waiting.splice(0)) reject(this.fault);
  }
}
