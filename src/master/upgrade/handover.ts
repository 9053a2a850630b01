import type { HostPort, ListenAddress } from '../../config/address.ts';
import type { Overridden, Override } from '../../config/changes/overrides.ts';
import type { PoolConfig } from '../../config/config.ts';
import type { OutServer } from '../../ipc/messages.ts';
import type { LogLevel } from '../../system/log.ts';
import type { FileId } from '../../system/unix-socket.ts';
import type { Block } from '../blocks.ts';
import type { LeaseMessage, PlaceMessage } from '../limits/connection-quotas.ts';
import type { LeftRate, LentMessage, ShareMessage } from '../limits/rate-leases.ts';
import type { ListenPlace } from '../listen-sockets.ts';
import type { RingmasterEvent } from '../monitoring/events.ts';
import type { HistoryDump } from '../monitoring/history.ts';
import type { HandVerdict } from '../servers/hand-verdicts.ts';

/*
 * What a running master and the one that is to take its place say to each other, over node's channel between a process and
 * its child. The two may be of different versions, whichever is the older:
 *
 *   old                                    new
 *        ◀── hello ──────────────────────       what it can read
 *    ─── handle × sockets, then handover ──▶    it binds nothing that it was given
 *                                               workers start, and accept beside those of the old one
 *        ◀── places, shares ──▶                 it leases places for connections, and rates, as a worker of the old one does
 *        ◀── ready ──────────────────────       the pid file is the new one's
 *    accepts no more, drains
 *    ─── left ──────────────────────────────▶   what is left of rates that were used of late
 *    ends                                       all places are the new one's
 *
 * Until `ready` the old one goes on as if nothing were; without it, it always has. What is not understood of the state is left
 * out by who reads it: it is there for people, and what matters is found again by asking.
 */

/** The first descriptor behind those that each child has: standard input, output, error, the channel. */
export const PID_FILE_DESCRIPTOR = 4;

/** Of the messages; one that is not known is refused, and the old master stays. */
export const HANDOVER_FORMAT = 1;

/** Of how rates are leased: in which units, by which names. Masters that do it otherwise do not lease to each other. */
export const RATES_FORMAT = 1;

/** The sockets of one pool. */
export interface HandedSockets {
  /** What they were bound for, as far as it matters to find them again. */
  readonly pool: Pick<PoolConfig, 'name' | 'protocol' | 'backlog' | 'tcpKeepalive' | 'keepaliveIdleMs'> & {
    readonly listen: ListenAddress;
    /** Left out by programs that know of no ports that several pools share. */
    readonly poolBy?: PoolConfig['poolBy'];
  };
  readonly address: ListenAddress;
  readonly place: ListenPlace;
  readonly file: FileId | null;
  /** Of each worker slot, by number among the handles that were sent. */
  readonly handles: readonly number[];
}

/** A server of the master's own: where it was told to listen, and its handle's number. */
export interface HandedServer {
  readonly wanted: HostPort | { readonly path: string };
  readonly handle: number;
}

/** What the new one has in common with the old besides the file and the sockets. */
export interface HandedState {
  readonly settings: Pick<Overridden, 'file'> & { readonly overrides: readonly Override[] };
  readonly logLevel: LogLevel;
  readonly blocks: readonly Block[];
  readonly byHand: readonly { readonly pool: string; readonly server: string; readonly verdict: HandVerdict }[];
  readonly ejected: readonly OutServer[];
  readonly down: readonly OutServer[];
  readonly events: readonly RingmasterEvent[];
  readonly history: readonly HistoryDump[];
}

export interface Handover {
  readonly type: 'handover';
  readonly format: number;
  /** The old master. */
  readonly pid: number;
  readonly sockets: readonly HandedSockets[];
  readonly servers: readonly HandedServer[];
  /** The descriptor that the new master has of the pid file where it could not open it by its name. */
  readonly pidFile?: number;
  /** It leases places for connections to the new one until it ends. Left out by programs that don't, which are not asked. */
  readonly leasesPlaces?: boolean;
  /** Likewise rates, and requests that are not answered, in this way (`RATES_FORMAT`). */
  readonly leasesRates?: number;
  readonly state: HandedState;
}

/** From the old to the new; a handle comes with each `handle`. */
export type ToSuccessor =
  | { readonly type: 'handle' }
  | Handover
  | { readonly type: 'places'; readonly message: LeaseMessage }
  | { readonly type: 'shares'; readonly message: LentMessage }
  | { readonly type: 'left'; readonly rates: readonly LeftRate[]; readonly isLast: boolean };

export type FromSuccessor =
  | { readonly type: 'hello'; readonly format: number; readonly version: string }
  | { readonly type: 'places'; readonly message: PlaceMessage }
  | { readonly type: 'shares'; readonly message: ShareMessage }
  | { readonly type: 'ready' }
  | { readonly type: 'failed'; readonly message: string };
