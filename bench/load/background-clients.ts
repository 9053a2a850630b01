// A process of its own with clients that are there while others are measured; it stays until it is killed.
//
//   node bench/load/background-clients.ts '{"kind":"idle",…}'      → "ready" on standard output
import { connect, type Socket } from 'node:net';
import { fetchReply, fetchRequest } from './data-set.ts';
import { type BackgroundJob, READY } from './generator-job.ts';

/** Connections opened at once: fewer than a listen backlog takes. */
const OPENING = 100;
/** A slow reader has this much on order, more than the kernel's buffers take in. */
const ORDERED_BYTES = 4 << 20;
/** And takes so much of it so often. */
const SIP_BYTES = 16 * 1024;
const SIP_MS = 100;

const job = JSON.parse(process.argv[2] ?? '{}') as BackgroundJob;
const replyBytes = fetchReply(job.data, [0]).length;
let numbers = 0;
const openOne = job.kind === 'idle' ? openIdle : openSlow;
for (let open = 0; open < job.clients; open += OPENING) {
  await Promise.all(Array.from({ length: Math.min(OPENING, job.clients - open) }, openOne));
}
process.stdout.write(`${READY}\n`);

function nextRequest(): Buffer {
  return fetchRequest(job.data, [numbers++ % job.data.keys]);
}

function open(): Socket {
  const socket = connect({ port: job.port, host: '127.0.0.1', noDelay: true });
  socket.on('connect', () => socket.write(nextRequest()));
  socket.on('error', error => fail(error.message));
  socket.on('close', () => fail('the proxy closed a connection'));
  return socket;
}

/** Resolves when its one request is answered: what a client costs that was used and rests. */
function openIdle(): Promise<void> {
  const socket = open();
  let left = replyBytes;
  return new Promise(resolve => {
    socket.on('data', chunk => {
      left -= chunk.length;
      if (left === 0) resolve();
      if (left < 0) fail(`unexpected reply: ${chunk.toString('latin1', 0, 100)}`);
    });
  });
}

/** Resolves when it has had its first sip. */
function openSlow(): Promise<void> {
  const socket = open();
  let ordered = replyBytes;
  let isOpen = false;
  const order = () => {
    const requests: Buffer[] = [];
    for (; ordered < ORDERED_BYTES; ordered += replyBytes) requests.push(nextRequest());
    if (requests.length > 0) socket.write(Buffer.concat(requests));
  };
  socket.on('connect', order);
  socket.pause();
  return new Promise(resolve => {
    setInterval(() => {
      const sip = socket.read(Math.min(SIP_BYTES, socket.readableLength)) ?? socket.read();
      if (sip === null) return;
      ordered -= sip.length;
      if (ordered < ORDERED_BYTES / 2) order();
      if (!isOpen) resolve();
      isOpen = true;
    }, SIP_MS);
  });
}

function fail(message: string): never {
  process.stderr.write(`background clients: ${message}\n`);
  process.exit(1);
}
