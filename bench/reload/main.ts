// What changes of a daemon with thousands of servers take, and for how long at a time they keep its clients and whoever asks its
// master waiting: npm run bench:reload -- [--pools 1000] [--servers 100] [--workers 1]
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { askAdmin, postAdmin } from '../../test/support/admin-client.ts';
import { temporaryDirectory } from '../../test/support/child.ts';
import { freePort } from '../../test/support/free-port.ts';
import { startRingmaster } from '../../test/support/ringmaster.ts';
import { markdownTable } from '../load/markdown-table.ts';
import type { Slice } from './slice-meter.ts';

const { values } = parseArgs({
  options: {
    pools: { type: 'string', default: '1000' },
    servers: { type: 'string', default: '100' },
    workers: { type: 'string', default: '1' },
  },
});
const [POOLS, SERVERS, WORKERS] = [Number(values.pools), Number(values.servers), Number(values.workers)];
/** What goes on behind an answered reload belongs to it. */
const AFTER_MS = 2000;
const START_TIMEOUT_MS = 300_000;

const directory = temporaryDirectory('bench-reload');
const slicesFile = path.join(directory, 'slices');
const meter = new URL('slice-meter.ts', import.meta.url).href;
const adminPort = await freePort();

function config(weightOf: (pool: number) => number, more = '', ofEach = ''): string {
  const lines = [`admin: 127.0.0.1:${adminPort}`, 'pools:'];
  for (let pool = 0; pool < POOLS; pool++) {
    lines.push(
      `  p${pool}:`,
      `    listen: ${path.join(directory, `${pool}.sock`)}`,
      '    protocol: redis',
      `    hash: murmur${ofEach}`,
    );
    lines.push('    servers:');
    for (let server = 0; server < SERVERS; server++) {
      // The last has the weight: of all alike a ring is as of none.
      const weight = server === SERVERS - 1 ? weightOf(pool) : 1;
      lines.push(`      - 10.${pool >> 8}.${pool & 255}.${server}:6379:${weight}`);
    }
  }
  return `${lines.join('\n')}\n${more}`;
}

interface Phase {
  readonly name: string;
  readonly tookMs: number;
  /** The longest that /healthz took meanwhile. */
  readonly healthMs: number;
  readonly fromMs: number;
  readonly untilMs: number;
}

const slices = (): Slice[] =>
  readFileSync(slicesFile, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map(line => JSON.parse(line) as Slice);

const pause = (ms: number) => new Promise(resolve => setTimeout(resolve, ms));

/** The longest answer of /healthz while `work` goes on. */
async function beside(name: string, work: () => Promise<unknown>): Promise<Phase> {
  const fromMs = Date.now();
  const startedAtMs = performance.now();
  let isDone = false;
  let tookMs = 0;
  const done = work().finally(() => {
    isDone = true;
    tookMs = performance.now() - startedAtMs;
  });
  let healthMs = 0;
  while (!isDone) {
    const askedAtMs = performance.now();
    await askAdmin(adminPort, '/healthz');
    healthMs = Math.max(healthMs, performance.now() - askedAtMs);
    await pause(1);
  }
  await done;
  await pause(AFTER_MS);
  return { name, tookMs, healthMs, fromMs, untilMs: Date.now() };
}

async function reload(): Promise<void> {
  const { status, text } = await postAdmin(adminPort, '/-/reload');
  if (status !== 200) throw new Error(`reload: ${status} ${text}`);
}

async function set(settings: Readonly<Record<string, string>>): Promise<void> {
  const { status, text } = await askAdmin(adminPort, '/api/v1/settings', {
    method: 'PATCH',
    body: { set: settings },
  });
  if (status !== 200) throw new Error(`set: ${status} ${text.slice(0, 1000)}`);
}

/** So many users, each one of so many pools. */
function users(count: number, pools: number): string {
  const names = Array.from({ length: pools }, (_, pool) => `p${pool}`).join(', ');
  const lines = Array.from(
    { length: count },
    (_, i) => `  u${i}: { pools: [${names}], passwords: [secret${i}], rules: '+@all -@admin ~u${i}:*' }`,
  );
  return `users:\n${lines.join('\n')}\n`;
}

const startedAtMs = performance.now();
const ringmaster = await startRingmaster({
  config: config(() => 1),
  workers: WORKERS,
  startTimeoutMs: START_TIMEOUT_MS,
  env: { ...process.env, SLICES_FILE: slicesFile, NODE_OPTIONS: `--import=${meter}` },
});
const startMs = performance.now() - startedAtMs;
const phases: Phase[] = [];
try {
  const run = async (name: string, text: string | null) => {
    if (text !== null) ringmaster.writeConfig(text);
    phases.push(await beside(name, reload));
  };
  await pause(AFTER_MS);
  await run('the same bytes', null);
  await run(
    'another comment',
    config(() => 1, '# another\n'),
  );
  await run(
    'the weights of one pool',
    config(pool => (pool === 7 ? 2 : 1)),
  );
  await run(
    'every ring',
    config(() => 3),
  );
  await run(
    'every ring again',
    config(() => 4),
  );
  const timeouts = (ms: number) => `\n    timeout: ${ms}ms`;
  const same = (more = '', timeoutMs = 400) => config(() => 4, more, timeouts(timeoutMs));
  await run('the timeout of every pool', same());
  const all = Object.fromEntries(Array.from({ length: POOLS }, (_, pool) => [`p${pool}.timeout`, '300ms']));
  phases.push(await beside('a setting of one pool', () => set({ 'p7.timeout': '200ms' })));
  phases.push(await beside('a setting of every pool', () => set(all)));
  await run('a user of every pool', same(users(1, POOLS), 300));
  await run('1,000 users of one pool', same(users(1000, 1), 300));
  await run('50 users of 50 pools', same(users(50, Math.min(50, POOLS)), 300));
  phases.push(await beside('a scrape', () => askAdmin(adminPort, '/metrics')));
} finally {
  await ringmaster.kill();
}

const all = slices();
const shown = (role: Slice['role'], { fromMs, untilMs }: Phase) => {
  const own = all.filter(each => each.role === role && each.atMs >= fromMs && each.atMs <= untilMs);
  const longest = own.map(({ cpuMs }) => cpuMs).sort((a, b) => b - a);
  const over = longest.filter(ms => ms > 20).length;
  return `${
    longest
      .slice(0, 3)
      .map(ms => ms.toFixed(0))
      .join(', ') || '< 4'
  }${over > 0 ? ` (${over} over 20)` : ''}`;
};
process.stdout.write(
  `${POOLS} pools of ${SERVERS} servers, ${WORKERS} worker(s); start ${(startMs / 1000).toFixed(1)} s\n\n`,
);
const rows = phases.map(phase => [
  ...[phase.name, `${(phase.tookMs / 1000).toFixed(2)} s`, `${phase.healthMs.toFixed(0)} ms`],
  ...[shown('worker', phase), shown('master', phase)],
]);
const head = ['', 'takes', '/healthz at most', 'longest turns of a worker, ms of CPU', 'of the master'];
process.stdout.write(`${markdownTable(head, rows)}\n`);
