// A process of its own that floods a pool until it is killed.
//
//   node bench/neighbours/flood.ts '{"port":1,"user":"flood","connections":500,"request":"…"}'      → "ready" on standard output
import { connect } from 'node:net';
import type { FloodJob } from './flood-job.ts';

const { port, user, connections, request, replies, replyBytes } = JSON.parse(process.argv[2] ?? '{}') as FloodJob;
const bytes = Buffer.from(request, 'latin1');
let waiting = connections;
let answered = 0;
/** Those that would send, were it not off; null: it is on. */
let held: (() => void)[] | null = null;
process.on('message', message => {
  if (message === 'how many') process.send?.(answered);
  else if (message === 'off') held = [];
  else {
    const waiting = held ?? [];
    held = null;
    for (const send of waiting) send();
  }
});

for (let i = 0; i < connections; i++) {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  // Of each round of replies; that to AUTH first.
  let left = user === null ? 0 : '+OK\r\n'.length;
  socket.on('connect', () => socket.write(user === null ? bytes : `AUTH ${user} secret\r\n`));
  if (user === null) left = replies * replyBytes;
  socket.on('data', chunk => {
    left -= chunk.length;
    if (left > 0) return;
    if (left < 0) throw new Error(`unexpected reply: ${chunk.toString('latin1', 0, 100)}`);
    left = replies * replyBytes;
    answered += replies;
    if (held === null) socket.write(bytes);
    else held.push(() => socket.write(bytes));
  });
  socket.once('data', () => {
    if (--waiting === 0) process.stdout.write('ready\n');
  });
  socket.on('error', () => process.exit(1));
}
