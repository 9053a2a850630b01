import { fileURLToPath } from 'node:url';
import { Child } from '../../test/support/child.ts';
import { fixedValue, randomKeyOf } from './data-set.ts';
import type { ConnectorJob, ConnectorResult, GeneratorJob, GeneratorResult } from './generator-job.ts';
import { endedChildrenUs } from './process-cost.ts';
import type { ConnectorLoad, GeneratorLoad, Load, RedisBenchmarkLoad } from './scenarios.ts';

/** What a generator of load saw. Latencies in milliseconds. */
export interface LoadResult {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
  /** At a fixed rate: how late the generator itself was for 99.9 % of its requests; 0 otherwise. */
  readonly lateP999Ms: number;
  /** Share of a core that the generator itself used: near 1 it may be what limits. */
  readonly generatorCores: number;
}

const GENERATOR = fileURLToPath(new URL('./generator.ts', import.meta.url));
const CONNECTOR = fileURLToPath(new URL('./tls-connector.ts', import.meta.url));
/** The generator's own collections are to disturb its latencies as little as may be. */
export const GENERATOR_FLAGS: readonly string[] = ['--max-semi-space-size=64', '--single-threaded'];

/** Where load goes: all but the generator's goes to the first port, and in TLS where there is a certificate to trust, by its path. */
export interface LoadTarget {
  readonly ports: readonly number[];
  readonly ca: string | null;
}

/** Sends `requests` requests and waits for the answers. Rejects when a wrong one comes, or none in time. */
export function runLoad(
  load: Load,
  target: LoadTarget,
  requests: number,
  ratePerSecond: number | null,
  timeoutMs: number,
): Promise<LoadResult> {
  if (load.tool === 'redis-benchmark') return runRedisBenchmark(load, target, requests, timeoutMs);
  if (load.tool === 'connector') return runConnector(load, target, requests, timeoutMs);
  return runGenerator(load, target.ports, requests, ratePerSecond, timeoutMs);
}

async function runRedisBenchmark(
  load: RedisBenchmarkLoad,
  { ports: [port], ca }: LoadTarget,
  requests: number,
  timeoutMs: number,
): Promise<LoadResult> {
  const key = randomKeyOf(load.data);
  const flags: [string, string | number][] = [
    ['-h', '127.0.0.1'],
    ['-p', port!],
    ['-c', load.clients],
    ['-P', load.pipeline],
    ['-k', load.reconnects ? 0 : 1],
    ['-r', load.data.keys],
    ['-n', requests],
  ];
  const words = load.isWrite
    ? ['-x', 'SET', key]
    : [load.keys === 1 ? 'GET' : 'MGET', ...new Array<string>(load.keys).fill(key)];
  const secure = ca === null ? [] : ['--tls', '--cacert', ca];
  const args = [...secure, ...flags.flatMap(([flag, value]) => [flag, String(value)]), ...words];
  const before = endedChildrenUs();
  const output = await run('redis-benchmark', args, timeoutMs, load.isWrite ? fixedValue(load.data) : null);
  const report = readRedisBenchmark(output);
  const elapsedUs = (requests / report.requestsPerSecond) * 1e6;
  return { ...report, lateP999Ms: 0, generatorCores: (endedChildrenUs() - before) / elapsedUs };
}

/** Reads redis-benchmark's report for people: its CSV has no percentile above the 99th. */
function readRedisBenchmark(output: string): Omit<LoadResult, 'generatorCores' | 'lateP999Ms'> {
  const rate = /throughput summary: ([\d.]+) requests per second/.exec(output);
  const summary = /^\s*avg\s+min\s+p50\s+p95\s+p99\s+max\s*\n\s*([\d. ]+)$/m.exec(output);
  // The distribution's steps halve the rest each time: 99.902 % is the first beyond 99.9.
  const steps = [...output.matchAll(/^([\d.]+)% <= ([\d.]+) milliseconds/gm)];
  const p999 = steps.find(([, percent]) => Number(percent) >= 99.9);
  if (rate === null || summary === null || p999 === undefined) {
    throw new Error(`redis-benchmark did not report: ${output.slice(-500)}`);
  }
  const [, , p50Ms, , p99Ms, maxMs] = summary[1]!.trim().split(/\s+/).map(Number);
  return { requestsPerSecond: Number(rate[1]), p50Ms: p50Ms!, p99Ms: p99Ms!, p999Ms: Number(p999[2]), maxMs: maxMs! };
}

async function runGenerator(
  { data, keys, isWrite, clients }: GeneratorLoad,
  ports: readonly number[],
  requests: number,
  ratePerSecond: number | null,
  timeoutMs: number,
): Promise<LoadResult> {
  const job: GeneratorJob = { ports, data, keys, isWrite, clients, requests, ratePerSecond };
  const output = await run(process.execPath, [...GENERATOR_FLAGS, GENERATOR, JSON.stringify(job)], timeoutMs, null);
  const { seconds, cores, ...latencies } = JSON.parse(output) as GeneratorResult;
  return { requestsPerSecond: requests / seconds, ...latencies, generatorCores: cores };
}

async function runConnector(
  { data, clients, isResumed }: ConnectorLoad,
  { ports: [port], ca }: LoadTarget,
  requests: number,
  timeoutMs: number,
): Promise<LoadResult> {
  if (ca === null) throw new Error('connections per request, by the connector, are in TLS');
  const job: ConnectorJob = { port: port!, ca, data, clients, requests, isResumed };
  const output = await run(process.execPath, [...GENERATOR_FLAGS, CONNECTOR, JSON.stringify(job)], timeoutMs, null);
  const { seconds, cores, resumed, ...latencies } = JSON.parse(output) as ConnectorResult;
  // Those that began before the first had its ticket can't be.
  if (isResumed && resumed < requests - 3 * clients) throw new Error(`${resumed} of ${requests} sessions were resumed`);
  return { requestsPerSecond: requests / seconds, ...latencies, lateP999Ms: 0, generatorCores: cores };
}

/** Runs a command to a good end; its output, with every carriage return as a new line. */
async function run(command: string, args: string[], timeoutMs: number, input: Buffer | null): Promise<string> {
  const child = new Child(command, args);
  if (input === null) child.stdin.end();
  else child.stdin.end(input);
  try {
    const { code } = await child.exit(timeoutMs);
    if (code !== 0 || /Error from server/.test(child.stderr())) throw new Error(`${command} ended with ${code}`);
  } catch (error) {
    await child.kill();
    throw new Error(`${(error as Error).message}\n${child.diagnosis()}`);
  }
  return child.stdout().replaceAll('\r', '\n');
}
