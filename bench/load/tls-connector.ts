// A process of its own that opens a TLS connection for each request: what redis-benchmark does without resuming a session.
//
//   node bench/load/tls-connector.ts '{"port":…}'      → one line of JSON on standard output
//
// So many are under way at a time. Each begins with the newest session that any of them was given, where they are to be resumed,
// and counts from its SYN to the last byte of the reply.
import { readFileSync } from 'node:fs';
import { connect, createSecureContext } from 'node:tls';
import { fetchReply, fetchRequest } from './data-set.ts';
import type { ConnectorJob, ConnectorResult } from './generator-job.ts';
import { LatencyHistogram } from './latency-histogram.ts';

/** The beginning of a run is left out of the latencies. */
const UNTIMED_SHARE = 0.05;

const job = JSON.parse(process.argv[2] ?? '{}') as ConnectorJob;
const secureContext = createSecureContext({ ca: readFileSync(job.ca) });
const reply = fetchReply(job.data, [0]);
const latencies = new LatencyHistogram();
let session: Buffer | undefined;
let begun = 0;
let answered = 0;
let resumed = 0;

const cpuBefore = process.cpuUsage();
const startedAtMs = performance.now();
for (let i = 0; i < job.clients; i++) begin();

function begin(): void {
  if (begun === job.requests) return;
  const number = begun++;
  const fromMs = performance.now();
  const socket = connect({ port: job.port, host: '127.0.0.1', secureContext, ...(session && { session }) });
  socket.setNoDelay(true);
  let left = reply.length;
  socket.on('secureConnect', () => {
    if (socket.isSessionReused()) resumed++;
    socket.write(fetchRequest(job.data, [number % job.data.keys]));
  });
  if (job.isResumed) {
    socket.on('session', (ticket: Buffer) => {
      session = ticket;
    });
  }
  socket.on('data', (chunk: Buffer) => {
    if (left === reply.length && chunk[0] !== reply[0]) fail(`unexpected reply: ${chunk.toString('latin1', 0, 100)}`);
    left -= chunk.length;
    if (left > 0) return;
    if (left < 0) fail('more than a reply');
    if (answered++ >= job.requests * UNTIMED_SHARE) latencies.record((performance.now() - fromMs) * 1000);
    socket.removeAllListeners('close');
    socket.end();
    if (answered === job.requests) finish();
    else begin();
  });
  socket.on('error', error => fail(error.message));
  socket.on('close', () => fail('closed without a reply'));
}

function finish(): void {
  const seconds = (performance.now() - startedAtMs) / 1000;
  const { user, system } = process.cpuUsage(cpuBefore);
  const result: ConnectorResult = {
    seconds,
    resumed,
    p50Ms: latencies.quantileUs(0.5) / 1000,
    p99Ms: latencies.quantileUs(0.99) / 1000,
    p999Ms: latencies.quantileUs(0.999) / 1000,
    maxMs: latencies.maxUs / 1000,
    cores: (user + system) / 1e6 / seconds,
  };
  process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit());
}

function fail(message: string): never {
  process.stderr.write(`connector: ${message}\n`);
  process.exit(1);
}
