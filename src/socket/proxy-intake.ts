import type { Socket } from 'node:net';
import type { Log } from '../system/log.ts';
import { nameEnds } from './named-ends.ts';
import { NetSocket } from './net-socket.ts';
import { type HeaderListener, ProxiedSocket } from './proxied-socket.ts';
import { PROXY_HEADER_MAX_BYTES, type ProxyHeader, readProxyHeader } from './proxy-header.ts';
import { nodeSocket } from './sockets.ts';
import type { StreamSocket } from './stream-socket.ts';

/** Connections whose header is to come; one that comes beside so many is closed. */
const WAITING_MAX = 1024;
/** The header has to be there by then: balancers send it at once. */
const HEADER_WITHIN_MS = 5000;

export interface ProxyIntakeHost {
  readonly log: Log;
  readonly poolName: string;
}

/** Reads who the client is from what balancers send first. */
export class ProxyIntake implements HeaderListener {
  private readonly host: ProxyIntakeHost;
  private readonly accept: (socket: StreamSocket, isForTls: boolean) => void;
  /** By who waits. */
  private readonly timers = new Map<object, NodeJS.Timeout>();
  /** Who hears that the wait is over, likewise. */
  private readonly overs = new Map<object, () => void>();
  /** Those that are about to wait. */
  private beginning = 0;
  private onIdle: (() => void) | null = null;

  /** `accept`: a client whose header was read; `isForTls` as it was entered. */
  constructor(host: ProxyIntakeHost, accept: (socket: StreamSocket, isForTls: boolean) => void) {
    this.host = host;
    this.accept = accept;
  }

  /**
   * Nothing was read from `stream` yet. `isForTls`: what comes after the header is for node:tls, which wants a socket of node. `onOver`:
   * called once, whether the header comes or not, and before `accept` is for its client.
   */
  enter(stream: StreamSocket, isForTls: boolean, onOver: () => void): void {
    if (this.timers.size >= WAITING_MAX) {
      this.log(stream.peer, `${WAITING_MAX} others have not sent their PROXY header`);
      stream.destroy();
      onOver();
    } else if (isForTls) {
      this.beginning++;
      setImmediate(() => {
        this.beginning--;
        this.readFrom(nodeSocket(stream), onOver);
      });
    } else {
      const socket = new ProxiedSocket(stream, this);
      this.wait(socket, onOver, () => {
        this.onNoHeader(socket, 'its PROXY header did not come in time');
        socket.destroy();
      });
    }
  }

  get isIdle(): boolean {
    return this.timers.size + this.beginning === 0;
  }

  /** Resolves when no header is to come any more. */
  finish(): Promise<void> {
    return new Promise(resolve => {
      if (this.isIdle) resolve();
      else this.onIdle = resolve;
    });
  }

  onHeader(socket: ProxiedSocket): void {
    this.endWait(socket);
    this.accept(socket, false);
  }

  onNoHeader(socket: ProxiedSocket, why: string): void {
    if (this.endWait(socket)) this.log(socket.peer, why);
  }

  private readFrom(socket: Socket, onOver: () => void): void {
    const balancer = new NetSocket(socket).peer;
    let come = Buffer.alloc(0);
    const end = (why: string): void => {
      if (this.endWait(socket)) this.log(balancer, why);
      socket.destroy();
    };
    const onReadable = (): void => {
      for (let chunk = socket.read() as Buffer | null; chunk !== null; chunk = socket.read()) {
        come = Buffer.concat([come, chunk]);
      }
      try {
        const header = readProxyHeader(come, come.length);
        if (header !== null) passOn(header);
        else if (come.length >= PROXY_HEADER_MAX_BYTES) end('its PROXY header does not end');
      } catch (error) {
        end((error as Error).message);
      }
    };
    const onEnd = () => end('it ended before its PROXY header did');
    const onClose = () => end('it was closed before its PROXY header had come');
    const passOn = (header: ProxyHeader): void => {
      this.endWait(socket);
      socket.off('readable', onReadable).off('end', onEnd).off('close', onClose);
      nameEnds(socket, header);
      if (come.length > header.bytes) socket.unshift(come.subarray(header.bytes));
      this.accept(new NetSocket(socket), true);
    };
    socket.on('error', () => {});
    socket.on('readable', onReadable).on('end', onEnd).on('close', onClose);
    this.wait(socket, onOver, () => end('its PROXY header did not come in time'));
  }

  private wait(who: object, onOver: () => void, onLate: () => void): void {
    this.overs.set(who, onOver);
    // What came in time is read first, also when the worker was stopped meanwhile.
    const late = () => setImmediate(() => this.timers.has(who) && onLate());
    this.timers.set(who, setTimeout(late, HEADER_WITHIN_MS).unref());
  }

  /** False: it did not wait any more. */
  private endWait(who: object): boolean {
    clearTimeout(this.timers.get(who));
    const hasWaited = this.timers.delete(who);
    this.overs.get(who)?.();
    this.overs.delete(who);
    // A promise goes on where node calls back, and a round of sockets is none of that.
    if (this.onIdle !== null && this.isIdle) setImmediate(this.onIdle);
    return hasWaited;
  }

  private log(balancer: string, why: string): void {
    this.host.log.warn({ pool: this.host.poolName, balancer, why }, 'no PROXY header from a balancer');
  }
}
