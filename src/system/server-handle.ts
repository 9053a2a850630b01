import net from 'node:net';

/*
 * Node has no public way to bind without accepting; `net._createServerHandle` (used by node:cluster itself) is the only
 * internal we lean on here.
 */

/** node's TCP or Pipe handle: bound, not yet listening. */
export interface BoundHandle {
  /** Its descriptor. */
  readonly fd?: number;
  /** Fills in `address` and `port`; returns 0 or a negative errno, also one that `bind` kept for later. */
  getsockname?(out: { address?: string; port?: number }): number;
  close(): void;
  /** No longer keeps this process from its end. */
  unref?(): void;
}

/** A handle, or a negative errno. A path as `address` goes with -1 for `port` and `family`. */
type CreateServerHandle = (
  address: string | null,
  port: number,
  family: number,
  fd?: number,
  flags?: number,
) => BoundHandle | number;

export const createServerHandle: CreateServerHandle = (
  net as unknown as { readonly _createServerHandle: CreateServerHandle }
)._createServerHandle;
