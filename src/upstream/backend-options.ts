import type { Protocol } from '../protocol/protocol.ts';

export type BackendAddress = { readonly host: string; readonly port: number } | { readonly path: string };

/** What the backends of a pool have in common, and `address` and `name` of this one. Durations in ms, sizes in bytes. */
export interface BackendOptions {
  readonly name: string;
  readonly address: BackendAddress;
  readonly protocol: Protocol;
  readonly password: string | null;
  readonly db: number;
  readonly connections: number;
  /** From the hand-over to the connection to the end of the reply; 0: none. */
  readonly timeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly maxInflight: number;
  readonly outputLimitBytes: number;
  readonly autoEject: boolean;
  /** Failures in a row that eject. */
  readonly failureLimit: number;
  /** Time out of the ring before the server is probed. */
  readonly retryTimeoutMs: number;
}
