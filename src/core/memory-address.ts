const ffi = loadFfi();

/**
 * Where the bytes of a Buffer lie, for system calls. They do not move, and are gone when the Buffer is. Throws a TypeError
 * where the runtime has no node:ffi.
 */
export function addressOf(bytes: Buffer): bigint {
  return (ffi as NonNullable<typeof ffi>).getRawPointer(bytes);
}

function loadFfi() {
  try {
    return process.getBuiltinModule('node:ffi');
  } catch {
    return null;
  }
}
