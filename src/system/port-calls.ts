import { addressOf } from './copy.ts';
import { intFunction, type Native, native } from './native.ts';

/** What a process needs to take a port for itself, and to share it with its own sockets only then. */
export interface PortCalls {
  /** listen(2), without accepting anything here; false: another socket listens there, and does not share. */
  listen(descriptor: number, backlog: number): boolean;
  /** Sets SO_REUSEPORT: sockets that are bound from now on, and have it too, may have the same port. */
  share(descriptor: number): void;
}

// Linux: <sys/socket.h>; the same numbers on all architectures that node:ffi is there for.
const SOL_SOCKET = 1n;
const SO_REUSEPORT = 15n;

/** Null where the runtime or the system does not have them. */
export const portCalls: PortCalls | null = native === null ? null : load(native);

function load(library: Native): PortCalls {
  const listen = intFunction(library, 'listen', 2);
  const setsockopt = intFunction(library, 'setsockopt', 5);
  const on = Buffer.from(new Int32Array([1]).buffer);
  return {
    listen: (descriptor, backlog) => listen(BigInt(descriptor), BigInt(backlog)) === 0,
    share: descriptor => {
      setsockopt(BigInt(descriptor), SOL_SOCKET, SO_REUSEPORT, addressOf(on), BigInt(on.length));
    },
  };
}
