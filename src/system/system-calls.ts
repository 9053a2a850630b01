import { addressOf } from './copy.ts';
import { intFunction, type Native, native } from './native.ts';

/**
 * The system calls that node has no API for. Where there is no native code, there is none of them and everything else goes
 * on (see docs/decisions/system-calls.md).
 */
export interface SystemCalls {
  /**
   * Has the kernel acknowledge at once what the socket with this descriptor received, instead of waiting up to 40 ms for
   * company.
   */
  quickAck(descriptor: number): void;
  /** Pins this process to `cores`, numbered from 0; false when the system refuses. */
  setAffinity(cores: readonly number[]): boolean;
  /** Has malloc return to the system what it keeps for later. Milliseconds; nothing where libc has no malloc_trim. */
  releaseFreeMemory(): void;
}

// Linux: <netinet/in.h>, <netinet/tcp.h>; the same numbers on all architectures.
const IPPROTO_TCP = 6n;
const TCP_QUICKACK = 12n;
/** Bytes of a cpu_set_t: 1,024 cores. */
const CPU_SET_BYTES = 128;
const THIS_PROCESS = 0n;

/** Null where the runtime or the system does not have them. */
export function loadSystemCalls(): SystemCalls | null {
  if (native === null) return null;
  const setsockopt = intFunction(native, 'setsockopt', 5);
  const schedSetaffinity = intFunction(native, 'sched_setaffinity', 3);
  const on = Buffer.from(new Int32Array([1]).buffer);
  return {
    quickAck: descriptor => {
      if (descriptor >= 0) setsockopt(BigInt(descriptor), IPPROTO_TCP, TCP_QUICKACK, addressOf(on), BigInt(on.length));
    },
    setAffinity: cores => {
      const set = Buffer.alloc(CPU_SET_BYTES);
      for (const core of cores) set[core >> 3] = (set[core >> 3] ?? 0) | (1 << (core & 7));
      return schedSetaffinity(THIS_PROCESS, BigInt(CPU_SET_BYTES), addressOf(set)) === 0;
    },
    releaseFreeMemory: loadTrim(native),
  };
}

/** glibc has it, musl has not. */
function loadTrim(library: Native): () => void {
  try {
    const mallocTrim = intFunction(library, 'malloc_trim', 1);
    return () => void mallocTrim(0n);
  } catch {
    return () => {};
  }
}
