/*
 * C functions, called through node:ffi, an experimental part of Node 26; docs/decisions/system-calls.md says where there is none.
 *
 * All parameters are declared as pointers and so are bigints: then node calls straight from optimized code into the
 * function, without conversions (https://nodejs.org/api/ffi.html#call-paths). For a parameter that is an `int` in C, the
 * processor's calling convention takes the lower half.
 */
import type { DynamicLibrary } from 'node:ffi';

export interface Native {
  readonly ffi: typeof import('node:ffi');
  /** All that this process has loaded: libc, libuv. */
  readonly library: DynamicLibrary;
}

export type NativeFunction<Result> = (...values: bigint[]) => Result;

/** Null where the runtime has none or does not permit it, or the system is not Linux. */
export const native: Native | null = load();

function load(): Native | null {
  if (process.platform !== 'linux') return null;
  // That node:ffi is experimental is ours to know; an operator who reads it in the log can do nothing about it.
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    const ffi = process.getBuiltinModule('node:ffi');
    const { lib: library } = ffi.dlopen(null, {});
    // One look, to see that addresses are permitted, too.
    ffi.getRawPointer(Buffer.alloc(1));
    return { ffi, library };
  } catch {
    return null;
  } finally {
    process.emitWarning = emitWarning;
  }
}

/** The function of that name, which returns an `int`. Throws an Error where there is none. */
export function intFunction({ library }: Native, name: string, parameters: number): NativeFunction<number> {
  return library.getFunction(name, { return: 'i32', arguments: pointers(parameters) }) as NativeFunction<number>;
}

/** The function of that name; what it returns is of no interest. Throws an Error where there is none. */
export function voidFunction({ library }: Native, name: string, parameters: number): NativeFunction<void> {
  return library.getFunction(name, { return: 'void', arguments: pointers(parameters) }) as NativeFunction<void>;
}

function pointers(count: number): 'pointer'[] {
  return new Array(count).fill('pointer');
}
