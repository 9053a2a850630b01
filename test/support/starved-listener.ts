// A process of its own: a listener, and no file descriptor left for those who come. It prints its port and then a line for
// whatever happens; a line on standard input gives it descriptors again.
import { closeSync, openSync } from 'node:fs';
import { listenOn } from '../../src/socket/sockets.ts';
import { bindLocal } from './bind-local.ts';

const files: number[] = [];
let isStarving = true;

const { handle, port } = await bindLocal();
await listenOn(
  handle,
  { keepaliveIdleMs: 0, backlog: 128 },
  socket => {
    if (!isStarving) return void console.log('accepted');
    // Node had a descriptor open yet, of a module that it has loaded.
    socket.destroy();
    takeAll();
    console.log('late');
  },
  error => console.log((error as NodeJS.ErrnoException).code),
);

process.stdin.once('data', () => {
  isStarving = false;
  for (const file of files) closeSync(file);
  console.log('freed');
});
// Whatever starts lazily has started when the port is known.
process.stdout.write('', () => {
  takeAll();
  console.log(`port ${port}`);
});

function takeAll(): void {
  try {
    for (;;) files.push(openSync('/dev/null', 'r'));
  } catch {
    // None is left.
  }
}
