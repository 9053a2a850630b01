import { expectedPeers } from '../loop/expected-peers.ts';
import { isCompanyExpected, runIdleTasks, runRound } from '../loop/rounds.ts';
import { Patience } from './patience.ts';
import { type LineTarget, type ReadyLine, readyLines, throwLater } from './ready-lines.ts';
import { EPOLL_ADD, EPOLL_DEL, EPOLL_MOD, type LoopHandle, type SocketCalls, socketCalls } from './socket-calls.ts';

/** What the poller looks after: a socket or a listener. */
export interface PollTarget extends LineTarget {
  readonly fd: bigint;
  /** Where it waits for its turn; null: it does not wait. */
  readonly line: ReadyLine | null;
  /** What it is watched for; the poller's. 0: it is not watched. */
  watchedEvents: number;
  /** `events`: a set of EPOLLIN, EPOLLOUT, EPOLLRDHUP, EPOLLERR, EPOLLHUP. */
  onReady(events: number): void;
}

/** Round follows round while sockets are ready; after so long, node's other business has its turn. */
const ROUNDS_MAX_MS = 4;
/** What waits until no socket is ready waits so long and one round more. */
const IDLE_WAIT_MAX_MS = 0.5;
/** The same where clients are of several tenants: what one asks is not held up for long for what another may add. */
const SEVERAL_IDLE_WAIT_MAX_MS = 0.1;
/** Of this, so long with no socket ready, where peers are expected. Who comes from this machine does so within some microseconds. */
const COMPANY_WAIT_MS = 0.01;
/** Who was answered before the worker slept for so long has other things to do than to ask again at once. */
const COMPANY_FORGOTTEN_MS = 0.05;

/**
 * Which sockets are ready: an epoll instance, which node's event loop watches as one descriptor among its own.
 *
 *   event loop ─▶ rounds: epoll_wait ─▶ each socket that is ready ─▶ end of the turn (writes) ─▶ again
 *                 ▲           └───────▶ none is ready ─▶ what waited for that (small writes to servers) ─▶ again, or leave
 *                 └── peers expected ───────────┘
 *
 * Where clients of several tenants are ready, they are read in turn: ready-lines.ts.
 *
 * A call for each socket that is ready, from JavaScript into JavaScript, in the place of one from node into JavaScript.
 */
class Poller {
  private readonly calls: SocketCalls;
  private readonly epoll: bigint;
  private readonly loop: LoopHandle;
  /** By descriptor. */
  private readonly targets: (PollTarget | null)[] = [];
  private watchedTargets = 0;
  private ready = 0;
  private leftAtMs = 0;
  private isToRun = false;
  private readonly patience = new Patience();

  constructor(calls: SocketCalls) {
    this.calls = calls;
    const epoll = calls.epollCreate();
    if (epoll < 0) throw new Error(`epoll_create1 fails (errno ${-epoll})`);
    this.epoll = BigInt(epoll);
    this.loop = calls.watch(this.epoll, () => this.run());
    this.loop.hold(false);
  }

  /**
   * Watches `target` for `events`, and for nothing else any more; 0: for nothing at all. A negative errno when the
   * system refuses.
   */
  watch(target: PollTarget, events: number): number {
    const before = target.watchedEvents;
    if (before === events) return 0;
    target.watchedEvents = events;
    if (before === 0) {
      this.targets[Number(target.fd)] = target;
      if (this.watchedTargets++ === 0) this.loop.hold(true);
    } else if (events === 0) this.forget(target);
    const operation = before === 0 ? EPOLL_ADD : events === 0 ? EPOLL_DEL : EPOLL_MOD;
    const result = this.calls.epollControl(this.epoll, operation, target.fd, events);
    if (result < 0 && before === 0) this.leave(target);
    return result;
  }

  /** Tells again what `target` is ready for, which was told and not all made use of. */
  renew(target: PollTarget): void {
    const { fd, watchedEvents } = target;
    if (watchedEvents !== 0) this.calls.epollControl(this.epoll, EPOLL_MOD, fd, watchedEvents);
  }

  /** It is about to be closed, which ends the watch: nobody else has a descriptor of the same file. */
  leave(target: PollTarget): void {
    if (target.watchedEvents === 0) return;
    target.watchedEvents = 0;
    this.forget(target);
  }

  private forget(target: PollTarget): void {
    this.targets[Number(target.fd)] = null;
    if (--this.watchedTargets === 0) this.loop.hold(false);
  }

  private run(): void {
    let nowMs = performance.now();
    if (nowMs - this.leftAtMs > COMPANY_FORGOTTEN_MS) expectedPeers.forget();
    let idleWaitEndsMs = nowMs + idleWaitMaxMs();
    const untilMs = nowMs + ROUNDS_MAX_MS;
    do {
      this.ready = this.calls.epollWait(this.epoll);
      const isWaiting = readyLines.isAny;
      if (this.ready === 0 && !isWaiting && isCompanyExpected() && this.patience.hasAny()) this.waitForCompany();
      if (this.ready > 0 || isWaiting) runRound(this.deliverReady, throwLater);
      else if (!runIdleTasks(throwLater)) break;
      nowMs = performance.now();
      // Of those who wait for their turn there is company in each round.
      if (nowMs >= idleWaitEndsMs || readyLines.isAny) {
        runIdleTasks(throwLater);
        idleWaitEndsMs = nowMs + idleWaitMaxMs();
      }
    } while (nowMs < untilMs);
    runIdleTasks(throwLater);
    this.leftAtMs = nowMs;
    // The kernel has told of them and says nothing more.
    if (readyLines.isAny) this.runSoon();
  }

  /** Somebody waits for a turn whom no round has told of. */
  runSoon(): void {
    if (this.isToRun) return;
    this.isToRun = true;
    setImmediate(() => {
      this.isToRun = false;
      this.run();
    });
  }

  /**
   * Looks until a socket is ready. On the spot: sleeping and waking up take longer than the wait, and cost whoever wakes us
   * as much. Clients that are far away, or take their time, would have it wait in vain: `patience`.
   */
  private waitForCompany(): void {
    const untilMs = performance.now() + COMPANY_WAIT_MS;
    do this.ready = this.calls.epollWait(this.epoll);
    while (this.ready === 0 && performance.now() < untilMs);
    if (this.ready > 0) {
      this.patience.wasRewarded();
    } else {
      this.patience.wasInVain();
      expectedPeers.forget();
    }
  }

  private readonly deliverReady = (): void => {
    const { targets, ready } = this;
    const { words, stride, eventsAt, descriptorAt } = this.calls.epollEvents;
    for (let i = 0, at = 0; i < ready; i++, at += stride) {
      // One before it may have closed it. Where another has its descriptor by now, that one finds nothing to read.
      const target = targets[words[at + descriptorAt] as number] ?? null;
      if (target === null) continue;
      const events = words[at + eventsAt] as number;
      const { line } = target;
      if (line !== null && readyLines.areSeveral) {
        readyLines.add(line, target, events);
        continue;
      }
      try {
        target.onReady(events);
      } catch (error) {
        throwLater(error);
      }
    }
    if (readyLines.isAny) readyLines.serve(throwLater);
  };
}

function idleWaitMaxMs(): number {
  return readyLines.areSeveral ? SEVERAL_IDLE_WAIT_MAX_MS : IDLE_WAIT_MAX_MS;
}

let poller: Poller | null = null;

/** The one of this process. Only where there are `socketCalls`. Throws an Error when the system refuses it. */
export function thePoller(): Poller {
  poller ??= new Poller(socketCalls as SocketCalls);
  return poller;
}
