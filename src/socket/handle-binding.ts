/*
 * The only place that knows node's internals for sockets: the handles of libuv behind net.Socket, as lib/net.js and
 * lib/internal/stream_base_commons.js of Node 26 use them. What is used of them is looked for at start; where anything is
 * missing the data path runs on net.Socket (see docs/decisions/direct-sockets.md).
 */

/**
 * A TCP or Pipe handle that is connected. It must not be given properties of ours, nor `close` a callback (which becomes
 * one): V8 collects only unmodified wrappers of native objects with the young generation, others, and all they refer to,
 * grow old first. With a connection per request that was a fifth of the worker's time.
 */
export interface StreamHandle {
  readonly fd: number;
  onread: () => Buffer | undefined;
  /** Reads go into `buf` until `onread` returns another. Only its address is kept: the caller keeps it alive. */
  useUserBuffer(buf: Buffer): void;
  readStart(): number;
  readStop(): number;
  /** 0, a negative errno, or a request when the kernel did not take all. */
  writeBuffer(request: null, bytes: Buffer): number | WriteRequest;
  writev(request: null, pieces: Buffer[], areBuffers: true): number | WriteRequest;
  shutdown(request: object): number;
  /** Stops reading at once; writes that wait end with ECANCELED. */
  close(): void;
  getpeername?(out: { address?: string; port?: number }): number;
}

/** A bound TCP or Pipe handle. */
export interface ServerHandle {
  readonly fd: number;
  /** Makes it a handle of the socket with this descriptor. */
  open(descriptor: number): number;
  onconnection: (status: number, client: StreamHandle) => void;
  listen(backlog: number): number;
  close(): void;
  setNoDelay?(isOn: boolean): number;
  setKeepAlive?(isOn: boolean, delaySeconds: number): number;
}

/** A write that waits for the kernel. */
export interface WriteRequest {
  oncomplete: (this: WriteRequest, status: number) => void;
  /** How it ended, when it did so before `oncomplete` could be set. */
  writeStatus: number | null;
  /** Ours: what is kept alive, and whose it is. */
  data?: Buffer | Buffer[];
  owner?: unknown;
}

interface ShutdownRequest {
  oncomplete: () => void;
}

export interface HandleBinding {
  /** Results of the last call into a handle. */
  readonly state: Int32Array;
  /** Where in `state`: bytes read or a negative errno. */
  readonly readResult: number;
  /** Where in `state`: 0 or the negative errno of the last write. */
  readonly writeError: number;
  readonly ShutdownRequest: new () => ShutdownRequest;
}

const HANDLE_METHODS = ['useUserBuffer', 'readStart', 'readStop', 'writeBuffer', 'writev', 'shutdown', 'close'];

/** Null where this runtime does not have all of it. */
export const handleBinding: HandleBinding | null = loadHandleBinding();

function loadHandleBinding(): HandleBinding | null {
  try {
    const binding = (process as unknown as { binding(name: string): Record<string, unknown> }).binding;
    const stream = binding('stream_wrap');
    const tcp = binding('tcp_wrap');
    const prototype = (tcp.TCP as { readonly prototype: Record<string, unknown> }).prototype;
    const { streamBaseState: state, kReadBytesOrError: readResult, kLastWriteErr: writeError } = stream;
    // Node 26.0 has no kLastWriteErr, and aborts when a write brings no request object.
    const isComplete =
      state instanceof Int32Array &&
      typeof readResult === 'number' &&
      typeof writeError === 'number' &&
      typeof stream.ShutdownWrap === 'function' &&
      'onread' in prototype &&
      HANDLE_METHODS.every(name => typeof prototype[name] === 'function');
    if (!isComplete) return null;
    return { state, readResult, writeError, ShutdownRequest: stream.ShutdownWrap as HandleBinding['ShutdownRequest'] };
  } catch {
    return null;
  }
}
