import { addressOf } from './copy.ts';
import { intFunction, native } from './native.ts';

// Linux: <sys/socket.h>, <sys/un.h>; the same numbers on all architectures.
const AF_UNIX = 1;
const SOCK_DGRAM = 2n;
const SOCK_CLOEXEC = 0o2000000n;
const MSG_DONTWAIT = 0x40n;
const MSG_NOSIGNAL = 0x4000n;
/** sun_family, and sun_path behind it. */
const PATH_AT = 2;
/** With the NUL at its end. */
const MAX_PATH_BYTES = 108;

/** Whether this runtime can send datagrams to unix sockets. */
export const hasDatagrams: boolean = native !== null;

/**
 * Sends `text` as one datagram to the unix socket at `path` (`@` in front: an abstract name, unix(7)), without waiting.
 * False when it could not be sent.
 */
export function sendDatagram(path: string, text: string): boolean {
  if (native === null) return false;
  const name = Buffer.from(path);
  if (name.length === 0 || name.length >= MAX_PATH_BYTES) return false;
  const isAbstract = path.startsWith('@');
  if (isAbstract) name[0] = 0;
  const address = Buffer.alloc(PATH_AT + name.length + (isAbstract ? 0 : 1));
  new Uint16Array(address.buffer, address.byteOffset, 1)[0] = AF_UNIX;
  name.copy(address, PATH_AT);
  const bytes = Buffer.from(text);

  const descriptor = intFunction(native, 'socket', 3)(BigInt(AF_UNIX), SOCK_DGRAM | SOCK_CLOEXEC, 0n);
  if (descriptor < 0) return false;
  const sent = intFunction(native, 'sendto', 6)(
    BigInt(descriptor),
    addressOf(bytes),
    BigInt(bytes.length),
    MSG_DONTWAIT | MSG_NOSIGNAL,
    addressOf(address),
    BigInt(address.length),
  );
  intFunction(native, 'close', 1)(BigInt(descriptor));
  return sent === bytes.length;
}
