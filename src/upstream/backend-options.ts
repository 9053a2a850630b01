import type { HandshakeOptions } from '../protocol/control-request.ts';
import type { Protocol } from '../protocol/protocol.ts';
import type { PeerAddress } from '../socket/connect-attempt.ts';
import type { ServerTls } from '../system/server-tls.ts';

export type BackendAddress = PeerAddress;

/** What the backends of a pool have in common, and `address` and `name` of this one. Durations in ms, sizes in bytes. */
export interface BackendOptions {
  readonly name: string;
  readonly address: BackendAddress;
  /** It has a copy of another's keys, and none of its own. Left out: it has keys. */
  readonly isReplica?: boolean;
  /** Of a replica: the name of the server whose keys it has. */
  readonly primary?: string | null;
  /** Where it stands. */
  readonly zone?: string | null;
  /** Of a cluster: it has to be told that it may be read from. */
  readonly isReadAsReplica?: boolean;
  readonly protocol: Protocol;
  /** Null: it is not spoken. */
  readonly tls: ServerTls | null;
  /** What goes before all else on a connection. Null or left out: nothing. */
  readonly proxyHeader?: Buffer | null;
  /** What it is told at first; null: it lets anybody in. */
  readonly credentials: HandshakeOptions['credentials'];
  readonly db: number;
  readonly connections: number;
  /** Private connections at once, beside `connections`. */
  readonly privateConnections: number;
  /** From the moment a request is written to the end of its reply; 0: none. */
  readonly timeoutMs: number;
  /** How long a request may wait for the connection; 0: as long as `timeoutMs`. */
  readonly queueTimeoutMs: number;
  readonly connectTimeoutMs: number;
  /** Silence after which a TCP connection is probed. */
  readonly keepaliveIdleMs: number;
  readonly maxInflight: number;
  readonly outputLimitBytes: number;
  readonly autoEject: boolean;
  /** Failures in a row that eject. */
  readonly failureLimit: number;
  /** Time out of the ring before the server is probed. */
  readonly retryTimeoutMs: number;
}

/** A server that health checks found down, and that says nothing for so long, is waited for no longer: there may be no timeout. */
export const DOWN_SILENCE_MAX_MS = 5000;

export function isSameAddress(a: BackendAddress, b: BackendAddress): boolean {
  if ('path' in a || 'path' in b) return 'path' in a && 'path' in b && a.path === b.path;
  if ('master' in a || 'master' in b) return 'master' in a && 'master' in b && a.master === b.master;
  return a.host === b.host && a.port === b.port;
}

/** Connections made by `a` do for `b`: the server and what is said to it at first are the same. */
export function keepsConnections(a: BackendOptions, b: BackendOptions): boolean {
  return (
    isSameAddress(a.address, b.address) &&
    a.protocol === b.protocol &&
    isSameWelcome(a, b) &&
    a.db === b.db &&
    a.isReadAsReplica === b.isReadAsReplica &&
    isSameTrust(a.tls, b.tls) &&
    (a.proxyHeader ?? null) === (b.proxyHeader ?? null)
  );
}

function isSameWelcome(a: BackendOptions, b: BackendOptions): boolean {
  return a.credentials?.user === b.credentials?.user && a.credentials?.password === b.credentials?.password;
}

/** Certificates that were renewed are for new connections. */
function isSameTrust(a: ServerTls | null, b: ServerTls | null): boolean {
  if (a === null || b === null) return a === b;
  return a.verify === b.verify && a.serverName === b.serverName;
}
