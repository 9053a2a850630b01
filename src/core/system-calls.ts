/**
 * The system calls that node has no API for, through `node:ffi`, an experimental part of Node 26. Where it is missing,
 * or the system is not Linux, there is none of them and everything else goes on (see docs/decisions/system-calls.md).
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
const IPPROTO_TCP = 6;
const TCP_QUICKACK = 12;
/** Bytes of a cpu_set_t: 1,024 cores. */
const CPU_SET_BYTES = 128;
const THIS_PROCESS = 0;

/** Null where the runtime or the system does not have them. */
export function loadSystemCalls(): SystemCalls | null {
  if (process.platform !== 'linux') return null;
  try {
    const ffi = process.getBuiltinModule('node:ffi');
    const { functions } = ffi.dlopen(null, {
      setsockopt: { arguments: ['i32', 'i32', 'i32', 'buffer', 'u32'], return: 'i32' },
      sched_setaffinity: { arguments: ['i32', 'u64', 'buffer'], return: 'i32' },
    });
    const on = Buffer.from(new Int32Array([1]).buffer);
    return {
      quickAck: descriptor => {
        if (descriptor >= 0) functions.setsockopt(descriptor, IPPROTO_TCP, TCP_QUICKACK, on, on.length);
      },
      setAffinity: cores => {
        const set = Buffer.alloc(CPU_SET_BYTES);
        for (const core of cores) set[core >> 3] = (set[core >> 3] ?? 0) | (1 << (core & 7));
        return functions.sched_setaffinity(THIS_PROCESS, BigInt(CPU_SET_BYTES), set) === 0;
      },
      releaseFreeMemory: loadTrim(),
    };
  } catch {
    return null;
  }
}

/** glibc has it, musl has not. */
function loadTrim(): () => void {
  try {
    const ffi = process.getBuiltinModule('node:ffi');
    const { functions } = ffi.dlopen(null, { malloc_trim: { arguments: ['u64'], return: 'i32' } });
    return () => {
      functions.malloc_trim(0n);
    };
  } catch {
    return () => {};
  }
}
