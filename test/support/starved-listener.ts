// A process of its own: a listener, and no file descriptor left for those who come. It prints its port and then a line for
// whatever happens; a line on standard input gives it descriptors again.
import { closeSync, openSync } from 'node:fs';
import net from 'node:net';
import { listenOn } from '../../src/socket/sockets.ts';

interface BoundHandle {
  getsockname(out: { port?: number }): number;
}

type CreateServerHandle = (address: string, port: number, family: number) => BoundHandle;

const bind = (net as unknown as { _createServerHandle: CreateServerHandle })._createServerHandle;
const handle = bind('127.0.0.1', 0, 4);
const address: { port?: number } = {};
handle.getsockname(address);
await listenOn(
  handle,
  { tcpKeepalive: false, backlog: 128 },
  () => console.log('accepted'),
  error => console.log((error as NodeJS.ErrnoException).code),
);

const files: number[] = [];
process.stdin.once('data', () => {
  for (const file of files) closeSync(file);
  console.log('freed');
});
// Whatever starts lazily has started when the port is known.
process.stdout.write('', () => {
  try {
    for (;;) files.push(openSync('/dev/null', 'r'));
  } catch {
    console.log(`port ${address.port}`);
  }
});
