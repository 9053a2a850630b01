// The socket on which systemd hears of its services: datagrams on a unix socket, which node has no API for.
import path from 'node:path';
import { addressOf } from '../../src/system/copy.ts';
import { intFunction, native } from '../../src/system/native.ts';
import { temporaryDirectory } from './child.ts';
import { waitFor } from './wait-for.ts';

const AF_UNIX = 1;
const SOCK_DGRAM = 2n;
const MSG_DONTWAIT = 0x40n;

export interface NotifySocket {
  readonly path: string;
  /** All lines that came so far, each datagram's in its own list. */
  heard(): string[][];
  /** Resolves once a datagram has this line, with that datagram. */
  until(line: string | RegExp, from?: number): Promise<string[]>;
  close(): void;
}

/** Needs node:ffi. `name`: an abstract one, with @ in front; else it lies in a directory of its own. */
export function openNotifySocket(name = path.join(temporaryDirectory('notify'), 'socket')): NotifySocket {
  const library = native!;
  const socket = BigInt(intFunction(library, 'socket', 3)(BigInt(AF_UNIX), SOCK_DGRAM, 0n));
  const bytes = Buffer.from(name.replace(/^@/, '\0'));
  const address = Buffer.alloc(2 + bytes.length + (bytes[0] === 0 ? 0 : 1));
  address[0] = AF_UNIX;
  bytes.copy(address, 2);
  if (intFunction(library, 'bind', 3)(socket, addressOf(address), BigInt(address.length)) !== 0) {
    throw new Error(`cannot bind ${name}`);
  }
  const recv = intFunction(library, 'recv', 4);
  const buffer = Buffer.alloc(4096);
  const datagrams: string[][] = [];
  const heard = () => {
    for (;;) {
      const length = recv(socket, addressOf(buffer), BigInt(buffer.length), MSG_DONTWAIT);
      if (length <= 0) return datagrams;
      datagrams.push(buffer.toString('utf8', 0, length).split('\n'));
    }
  };
  return {
    path: name,
    heard,
    async until(line, from = 0) {
      const isIt = (each: string) => (typeof line === 'string' ? each === line : line.test(each));
      const find = () => heard().find((lines, i) => i >= from && lines.some(isIt));
      await waitFor(() => find() !== undefined, { what: `${line} on the notify socket` });
      return find()!;
    },
    close: () => void intFunction(library, 'close', 1)(socket),
  };
}
