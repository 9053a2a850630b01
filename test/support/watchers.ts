// Very many who look at a running daemon, while clients are served.
import assert from 'node:assert/strict';
import { Agent, request } from 'node:http';
import type { TestContext } from 'node:test';
import { startDaemon } from './pool-daemon.ts';
import { residentMemory } from './process-memory.ts';
import { RawClient } from './raw-client.ts';
import { startRedis } from './redis-server.ts';

const SCRAPERS = 4;
/** What caches and the heap take until they are as large as they get. */
const SETTLED = 0.1;
const GROWTH_MAX_BYTES = 96 * 1024 * 1024;

export interface Watchers {
  /** Open event streams. */
  readonly streams: number;
  /** Of /metrics and of the API, over connections that are kept. */
  readonly scrapes: number;
}

/** All streams go on, no scrape fails, no request of a client fails, and the master's memory stays as it is. */
export async function watchDaemon(t: TestContext, { streams, scrapes }: Watchers): Promise<void> {
  const redis = await startRedis();
  t.after(() => redis.kill());
  const daemon = await startDaemon(t, { red: { protocol: 'redis', servers: [redis.port] } }, { workers: 2 });
  const client = await daemon.client('red');
  t.after(() => client.destroy());
  let isOver = false;
  let requests = 0;
  const load = (async () => {
    while (!isOver) {
      assert.equal(await client.command('SET', 'k', String(requests)), 'OK');
      assert.equal(String(await client.command('GET', 'k')), String(requests++));
    }
  })();
  load.catch(() => {});

  const listeners: RawClient[] = [];
  t.after(() => listeners.forEach(listener => void listener.destroy()));
  for (let i = 0; i < streams; i++) {
    const listener = await RawClient.connect(daemon.adminPort);
    listener.send('GET /api/v1/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
    await listener.readUntil('\r\n\r\n');
    listeners.push(listener);
  }

  const agent = new Agent({ keepAlive: true, maxSockets: SCRAPERS });
  t.after(() => agent.destroy());
  const paths = ['/metrics', '/api/v1/servers', '/metrics', '/api/v1/overview'];
  const scrape = async (count: number) => {
    let left = count;
    const scraper = async (path: string) => {
      while (left-- > 0) assert.equal(await statusOf(agent, daemon.adminPort, path), 200);
    };
    await Promise.all(paths.map(scraper));
  };
  const toNext = () => Promise.all(listeners.map(listener => listener.readUntil('event: overview')));

  await toNext();
  await scrape(scrapes * SETTLED);
  const before = residentMemory(daemon.ringmaster.pid).nowBytes;
  await scrape(scrapes * (1 - SETTLED));
  // Each of them is still told what is new.
  await toNext();
  const after = residentMemory(daemon.ringmaster.pid).nowBytes;
  isOver = true;
  await load;
  assert.ok(requests > 0);
  assert.ok(after - before < GROWTH_MAX_BYTES, `the master grew from ${before} to ${after} bytes`);
}

function statusOf(agent: Agent, port: number, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, path, agent }, response => {
      response.on('error', reject);
      response.resume().on('end', () => resolve(response.statusCode!));
    });
    asked.on('error', reject).end();
  });
}
