import { type BringTask, type Heard, SIDE_FROM, type Side, type SourceMemory } from '../../protocol/bringing.ts';
import { FLAG_OVERWRITES, FLAG_REMOVES, FLAG_WRITES } from '../../protocol/routes.ts';
import type { FailureReason } from '../../request/failure.ts';
import { type ReplySink, Request } from '../../request/request.ts';
import { RequestBytes } from '../../request/request-bytes.ts';
import type { Backend } from '../../upstream/backend.ts';
import type { BackendConnection } from '../../upstream/backend-connection.ts';
import type { DeferredRequest } from './deferred-request.ts';
import type { RequestLine } from './request-line.ts';
import type { ReshardLimits } from './reshard-limits.ts';
import type { SourceMemories } from './source-memories.ts';

export interface BringOwner {
  readonly replyKind: number;
  readonly limits: ReshardLimits;
  readonly finishesTasks: boolean;
  readonly sources: SourceMemories;
  /** See `BringTask.fence`. */
  fence(then: (isQuiet: boolean) => void): void;
  onDone(task: KeysUnderWay): void;
  onApart(task: KeysUnderWay): void;
  onFailed(task: KeysUnderWay, words: string): void;
}

interface Waiter {
  readonly line: RequestLine;
  readonly request: DeferredRequest;
}

/** Keys on their way from one server to another, and the requests that wait for them. */
export class KeysUnderWay implements BringTask {
  readonly keys: Buffer[] = [];
  /** As the table of keys has them. */
  readonly ids: string[] = [];
  readonly waiters: Waiter[] = [];
  readonly from: Backend;
  readonly to: Backend;
  readonly variant: number;
  readonly stepTimeoutMs: number;
  private readonly owner: BringOwner;
  isOver = false;
  private isStopped = false;

  constructor(owner: BringOwner, from: Backend, to: Backend, variant: number, stepTimeoutMs: number) {
    this.owner = owner;
    this.from = from;
    this.to = to;
    this.variant = variant;
    this.stepTimeoutMs = stepTimeoutMs;
  }

  get target() {
    return this.to.options.address;
  }

  get credentials(): BringTask['credentials'] {
    return this.to.options.credentials;
  }

  get isOverwritten(): boolean {
    const { waiters } = this;
    return waiters.length > 0 && waiters.every(({ request }) => (request.flags & FLAG_OVERWRITES) !== 0);
  }

  get isChanged(): boolean {
    const last = FLAG_OVERWRITES | FLAG_REMOVES;
    return this.waiters.some(({ request: { flags } }) => (flags & FLAG_WRITES) !== 0 && (flags & last) === 0);
  }

  get isBack(): boolean {
    return this.owner.limits.isBack;
  }

  get isDropping(): boolean {
    return this.owner.limits.isDropping;
  }

  get wholeBytes(): number {
    return this.owner.limits.wholeBytes;
  }

  get db(): number {
    return this.to.options.db;
  }

  /** False: it waits for them already. */
  addWaiter(line: RequestLine, request: DeferredRequest): boolean {
    if (this.waiters.at(-1)?.request === request) return false;
    this.waiters.push({ line, request });
    return true;
  }

  /** Tells all who wait. */
  came(isBrought: boolean): void {
    for (const { line, request } of this.waiters) line.came(request, isBrought);
  }

  /** Whatever comes of it concerns nobody any more, and no server is asked for more than it takes to leave nothing half done. */
  cancel(): void {
    this.isOver = true;
    this.isStopped = !this.owner.finishesTasks;
    this.waiters.length = 0;
  }

  get source(): SourceMemory {
    return this.owner.sources.of(this.connectionTo(this.from));
  }

  ask(side: Side, bytes: Buffer, isLong: boolean, heard: Heard, replyKind = this.owner.replyKind): void {
    if (this.isStopped) return;
    const backend = side === SIDE_FROM ? this.from : this.to;
    if (backend.isRetired) {
      heard(null, 'connection_refused');
      return;
    }
    const sink = new WholeReply((reply, reason) => {
      // The server may have left the pool by now.
      if (!this.isStopped) heard(reply, reason);
    });
    const request = new Request(sink, replyKind);
    if (isLong) request.extraMs = this.stepTimeoutMs;
    this.connectionTo(backend).send(request, new RequestBytes().set(bytes, 0, bytes.length, null), null);
  }

  fence(then: (isQuiet: boolean) => void): void {
    if (!this.isOver) this.owner.fence(isQuiet => this.isOver || then(isQuiet));
  }

  done(): void {
    if (this.end()) this.owner.onDone(this);
  }

  apart(): void {
    if (this.end()) this.owner.onApart(this);
  }

  failed(words: string): void {
    if (this.end()) this.owner.onFailed(this, words);
  }

  /** Always the same one. */
  private connectionTo(backend: Backend): BackendConnection {
    return backend.connectionFor(this.variant, this.variant);
  }

  private end(): boolean {
    const wasOver = this.isOver;
    this.isOver = true;
    this.isStopped ||= !this.owner.finishesTasks;
    return !wasOver;
  }
}

/** Gathers a reply that is not large. */
export class WholeReply implements ReplySink {
  private readonly heard: Heard;
  private readonly pieces: Buffer[] = [];

  constructor(heard: Heard) {
    this.heard = heard;
  }

  onReply(_request: Request, buf: Buffer, start: number, end: number, isLast: boolean): void {
    const piece = buf.subarray(start, end);
    if (!isLast) this.pieces.push(Buffer.from(piece));
    else this.heard(this.pieces.length === 0 ? piece : Buffer.concat([...this.pieces, piece]), null);
  }

  onFailure(_request: Request, reason: FailureReason): void {
    this.heard(null, reason);
  }
}
