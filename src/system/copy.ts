/*
 * Memory by its address, for system calls and for short copies: through node:ffi a memcpy takes 5 ns where Buffer.copy takes
 * 25 (bench/micro/copy.ts). Numbers that are known to be integers of 32 bits become bigints for nothing in optimized
 * code, hence `| 0`; others cost 15 ns each.
 */
import { native, voidFunction } from './native.ts';

const ffi = native?.ffi ?? null;
const memcpy = native === null ? null : voidFunction(native, 'memcpy', 3);

/** All sockets read into it that were not given a buffer of their own. */
export const sharedBuffer: Buffer = Buffer.allocUnsafeSlow(64 * 1024);
const sharedAddress = ffi === null ? 0n : ffi.getRawPointer(sharedBuffer);

/**
 * Where the bytes of a Buffer lie; 0 where the runtime has no node:ffi. They do not move, and are gone when the Buffer is:
 * it has to be kept as long as the address is used.
 */
export function addressOf(bytes: Buffer): bigint {
  if (bytes === sharedBuffer) return sharedAddress;
  return ffi === null ? 0n : ffi.getRawPointer(bytes);
}

/**
 * Copies `source[start, end)` to `target[at, …)`; they must not overlap. The addresses are those of the two Buffers.
 * Throws a RangeError when that is not all inside of them.
 */
export function copyBytes(
  target: Buffer,
  targetAddress: bigint,
  at: number,
  source: Buffer,
  sourceAddress: bigint,
  start: number,
  end: number,
): void {
  const size = (end - start) | 0;
  if (!(at >= 0 && start >= 0 && size >= 0 && end <= source.length && at + size <= target.length))
    throw new RangeError(`no room to copy [${start}, ${end}) of ${source.length} to ${at} of ${target.length}`);
  if (memcpy === null) source.copy(target, at, start, end);
  else {
    const to = BigInt.asUintN(64, targetAddress + BigInt(at | 0));
    memcpy(to, BigInt.asUintN(64, sourceAddress + BigInt(start | 0)), BigInt(size));
  }
}
