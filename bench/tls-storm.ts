// node bench/tls-storm.ts [SECONDS [RATE…]]
// What a storm of full TLS handshakes costs the plain clients of the same worker: how long one that asks a thousand times a second waits
// for its answers, without handshakes and beside RATE of them a second, evenly and in bursts of fifty at once. The worker is on core
// 0; server, client and storm are on core 1, the storm last in line for it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { getPriority, setPriority } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'node:tls';
import { Authority } from '../test/support/certificates.ts';
import { freePorts } from '../test/support/free-port.ts';
import { RawClient } from '../test/support/raw-client.ts';
import { startRedis } from '../test/support/redis-server.ts';
import { startRingmaster } from '../test/support/ringmaster.ts';
import { pin } from './load/pinning.ts';

const EVERY_MS = 10;
const BURST = 50;
const LATER = 10;
const LOWEST_PRIORITY = 19;

/** In a process of its own: `perSecond` handshakes in groups of `size`; prints how many were done. */
function storm(port: number, perSecond: number, size: number): void {
  let done = 0;
  const open = () => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false });
    socket.on('error', () => {});
    socket.once('secureConnect', () => {
      done++;
      socket.destroy();
    });
  };
  const startedMs = performance.now();
  let begun = 0;
  setInterval(() => {
    const due = ((performance.now() - startedMs) / 1000) * perSecond;
    for (; begun + size <= due; begun += size) for (let i = 0; i < size; i++) open();
  }, EVERY_MS);
  process.on('SIGTERM', () => process.stdout.write(String(done), () => process.exit()));
}

async function probe(port: number, seconds: number): Promise<{ p50: number; p99: number; max: number }> {
  const client = await RawClient.connect(port);
  const waits: number[] = [];
  const untilMs = performance.now() + seconds * 1000;
  while (performance.now() < untilMs) {
    const askedMs = performance.now();
    await client.command('GET', 'key');
    waits.push(performance.now() - askedMs);
    await sleep(1);
  }
  client.destroy();
  waits.sort((a, b) => a - b);
  const at = (part: number) => waits[Math.min(waits.length - 1, Math.floor(waits.length * part))] as number;
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}

async function measure(name: string, ports: readonly [number, number], seconds: number, rate: number, size: number) {
  const [plain, secure] = ports;
  const child =
    rate === 0
      ? null
      : spawn(process.execPath, [import.meta.filename, 'storm', String(secure), String(rate), String(size)], {
          stdio: ['ignore', 'pipe', 'inherit'],
        });
  if (child?.pid !== undefined) {
    pin(child.pid, '1');
    setPriority(child.pid, Math.min(LOWEST_PRIORITY, getPriority() + LATER));
  }
  // Node starts, and the worker's code gets hot.
  await sleep(2000);
  const { p50, p99, max } = await probe(plain, seconds);
  let done = '0';
  if (child !== null) {
    child.stdout?.on('data', text => {
      done = String(text);
    });
    child.kill('SIGTERM');
    await once(child, 'close');
  }
  const perSecond = Math.round(Number(done) / (seconds + 2));
  process.stdout.write(
    `${name.padEnd(28)} ${String(perSecond).padStart(6)} done/s   p50 ${p50.toFixed(2)} ms   p99 ${p99.toFixed(2)} ms   max ${max.toFixed(1)} ms\n`,
  );
}

async function main(seconds: number, rates: readonly number[]): Promise<void> {
  const authority = await Authority.create();
  const { cert, key } = await authority.sign('storm');
  const server = await startRedis();
  const ports = (await freePorts(2)) as [number, number];
  const pool = (name: string, port: number, more: string) =>
    `  ${name}: { listen: 127.0.0.1:${port}, protocol: redis, servers: [127.0.0.1:${server.port}]${more} }\n`;
  const config = `admin: false\npools:\n${pool('plain', ports[0], '')}${pool('secure', ports[1], `, listen_tls: { cert: ${cert}, key: ${key} }`)}`;
  const ringmaster = await startRingmaster({ config, workers: 1 });
  try {
    for (const pid of [ringmaster.pid, ...ringmaster.workerPids()]) pin(pid, '0');
    for (const pid of [process.pid, server.pid]) pin(pid, '1');
    await measure('no handshakes', ports, seconds, 0, 1);
    for (const rate of rates) {
      await measure(`${rate}/s, evenly`, ports, seconds, rate, 1);
      await measure(`${rate}/s, ${BURST} at once`, ports, seconds, rate, BURST);
    }
  } finally {
    await ringmaster.kill();
    await server.kill();
  }
}

if (process.argv[2] === 'storm') storm(...(process.argv.slice(3).map(Number) as [number, number, number]));
else {
  const [seconds = 10, ...rates] = process.argv.slice(2).map(Number);
  await main(seconds, rates.length > 0 ? rates : [200, 600]);
  process.exit();
}
