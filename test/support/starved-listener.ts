// A process of its own: a listener, and no file descriptor left for those who come. It prints its port and then a line for
// whatever happens; a line on standard input gives it descriptors again.
import { closeSync, openSync } from 'node:fs';
import { listenOn } from '../../src/socket/sockets.ts';
import { bindLocal } from './bind-local.ts';

const { handle, port } = await bindLocal();
await listenOn(
  handle,
  { keepaliveIdleMs: 0, backlog: 128 },
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
    console.log(`port ${port}`);
  }
});
