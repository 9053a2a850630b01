import { getSystemErrorName } from 'node:util';
import { keepAlive } from './keepalive.ts';
import { PolledSocket } from './polled-socket.ts';
import { type PollTarget, thePoller } from './poller.ts';
import { keptName } from './sockaddr.ts';
import {
  EAGAIN,
  ECONNABORTED,
  EINTR,
  EMFILE,
  ENFILE,
  EPOLLIN,
  IPPROTO_TCP,
  type SocketCalls,
  socketCalls,
  TCP_NODELAY,
} from './socket-calls.ts';

/** A bound socket as node has it; the descriptor is the handle's. */
export interface BoundHandle {
  readonly fd: number;
  close(): void;
}

/** Clients that are accepted before those who are there already have their turn. */
const ACCEPTS_PER_ROUND = 16;

/** Nobody makes a polled listener where they are missing. */
const calls = socketCalls as SocketCalls;

/** A descriptor of no use but to be given up for a moment when no other is left. */
let spare = -1;

/** Accepts clients from a bound socket. */
export class PolledListener implements PollTarget {
  readonly fd: bigint;
  watchedEvents = 0;
  readyEvents = 0;
  readonly line = null;
  private readonly handle: BoundHandle;
  private readonly accept: (socket: PolledSocket) => void;
  private readonly onError: (error: Error) => void;
  private isClosed = false;

  /** Throws an Error with a `code` when the system refuses. */
  constructor(
    handle: BoundHandle,
    options: { readonly backlog: number; readonly keepaliveIdleMs: number },
    accept: (socket: PolledSocket) => void,
    onError: (error: Error) => void,
  ) {
    this.handle = handle;
    this.fd = BigInt(handle.fd);
    this.accept = accept;
    this.onError = onError;
    // Accepted sockets inherit these (Linux): system calls less for each client. Unix sockets refuse them.
    calls.setOption(this.fd, IPPROTO_TCP, TCP_NODELAY, 1);
    if (options.keepaliveIdleMs > 0) keepAlive(calls, this.fd, options.keepaliveIdleMs);
    const listened = calls.listen(this.fd, options.backlog);
    if (listened < 0) throw systemError(listened, 'listen');
    const watched = thePoller().watch(this, EPOLLIN);
    if (watched < 0) throw systemError(watched, 'epoll_ctl');
    if (spare < 0) spare = calls.epollCreate();
  }

  onReady(): void {
    for (let accepts = ACCEPTS_PER_ROUND; accepts > 0 && !this.isClosed; accepts--) {
      const result = calls.accept(this.fd);
      if (result >= 0) this.accept(new PolledSocket(result, keptName(calls.acceptedPeer)));
      else if (result === EMFILE || result === ENFILE) {
        if (!this.turnAway(result)) return;
      } else if (result === EAGAIN || result === EINTR) return;
      else if (result !== ECONNABORTED) {
        this.onError(systemError(result, 'accept'));
        return;
      }
    }
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    // The master has the same socket: closing ours would not end the watch.
    thePoller().watch(this, 0);
    this.handle.close();
  }

  /**
   * No descriptor is left for a client, who would wait in vain: it is closed. False: there is none; the system says that no
   * descriptor is left before it looks for one.
   */
  private turnAway(error: number): boolean {
    if (spare >= 0) calls.close(BigInt(spare));
    const client = calls.accept(this.fd);
    if (client >= 0) calls.close(BigInt(client));
    spare = calls.epollCreate();
    if (client === EAGAIN) return false;
    this.onError(systemError(error, 'accept'));
    return client >= 0;
  }
}

function systemError(errno: number, call: string): Error {
  const code = getSystemErrorName(errno);
  return Object.assign(new Error(`${call} ${code}`), { code });
}
