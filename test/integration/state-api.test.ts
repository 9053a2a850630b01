import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { askAdmin } from '../support/admin-client.ts';
import { type Daemon, startDaemon } from '../support/pool-daemon.ts';
import { RawClient } from '../support/raw-client.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { untilEqual, waitFor } from '../support/wait-for.ts';

let redis: RedisServer;
let daemon: Daemon;
const ended: (() => unknown)[] = [];

before(async () => {
  redis = await startRedis();
  daemon = await startDaemon(
    { after: end => void ended.push(end as () => unknown) },
    { red: { protocol: 'redis', servers: [redis.port] } },
    { workers: 2 },
  );
});

after(async () => {
  for (const end of ended) await end();
  await redis?.kill();
});

type Rows = readonly Record<string, unknown>[];
const get = async <T>(path: string): Promise<T> => {
  const answer = await askAdmin(daemon.adminPort, `/api/v1/${path}`);
  assert.equal(answer.status, 200, answer.text);
  return answer.json<T>();
};
const set = (value: string) =>
  askAdmin(daemon.adminPort, '/api/v1/settings', { method: 'PATCH', body: { set: { 'red.timeout': value } } });

test('pools, servers and workers are told with what they do', async () => {
  const client = await daemon.client('red');
  for (let i = 0; i < 50; i++) await client.command('SET', `k${i}`, 'v');
  const rowOfServer = async () => {
    const { servers } = await get<{ servers: Rows }>('servers');
    const { server, state, requests, p99Us } = servers[0]!;
    return [servers.length, server, state, requests, Number(p99Us) > 0];
  };
  await untilEqual(rowOfServer, [1, 'server-0', 'in', 50, true], 'the server and what it was asked');
  const { workers } = await get<{ workers: Rows }>('workers');
  assert.deepEqual(
    workers.map(({ slot, state }) => [slot, state]),
    [
      [0, 'serving'],
      [1, 'serving'],
    ],
  );
  const requests = async () => {
    const { pools } = await get<{ pools: Rows }>('pools');
    return (pools[0]!.figures as { requests: number }).requests;
  };
  await untilEqual(requests, 50, 'the requests of the pool');
  assert.equal((await askAdmin(daemon.adminPort, '/api/v1/servers?count=0')).status, 400);
  client.destroy();
});

test('history follows the traffic', async () => {
  const client = await daemon.client('red');
  type History = { stepSeconds: number; series: { requestsPerSecond: number[]; clients: number[] } };
  await waitFor(
    async () => {
      await client.command('GET', 'x');
      const { series } = await get<History>('history?pool=red');
      return series.requestsPerSecond.some(rate => rate > 0) && series.clients.at(-1) === 1;
    },
    { what: 'a rate' },
  );
  assert.equal((await get<History>('history?pool=red&span=24h')).stepSeconds, 60);
  assert.equal((await askAdmin(daemon.adminPort, '/api/v1/history?pool=none')).status, 404);
  client.destroy();
});

test('events say what was changed, by whom, and the stream tells them as they come', async () => {
  const listener = await RawClient.connect(daemon.adminPort);
  listener.send('GET /api/v1/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
  assert.match(
    String(await listener.readUntil('\r\n\r\n')),
    /^HTTP\/1\.1 200 OK\r\ncontent-type: text\/event-stream\r\n/,
  );
  assert.equal((await set('300ms')).status, 200);
  await listener.readUntil('"event":"setting_changed"');
  await listener.readUntil('event: overview');
  listener.destroy();
  const { events } = await get<{ events: Rows }>('events');
  const event = events.find(each => each.event === 'setting_changed')!;
  const { setting, by } = event.details as Record<string, unknown>;
  assert.deepEqual([setting, by], ['red.timeout', 'admin from 127.0.0.1']);
  assert.deepEqual(
    (await get<{ events: Rows }>(`events?since=${event.id}`)).events,
    events.slice(0, events.indexOf(event)),
  );
  const overview = await get<{ steered: object }>('overview');
  assert.deepEqual(overview.steered, { settings: 1, blocks: 0 });
});

test('hundreds may listen, and other pages are still served', async () => {
  const listeners: RawClient[] = [];
  for (let i = 0; i < 300; i++) {
    const listener = await RawClient.connect(daemon.adminPort);
    listener.send('GET /api/v1/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
    await listener.readUntil('\r\n\r\n');
    listeners.push(listener);
  }
  await Promise.all(listeners.map(listener => listener.readUntil('event: overview')));
  assert.equal((await askAdmin(daemon.adminPort, '/healthz')).status, 200);
  for (const listener of listeners) listener.destroy();
});

test('a page of another site may not listen', async () => {
  const answer = await askAdmin(daemon.adminPort, '/api/v1/stream', { headers: { host: 'evil.example' } });
  assert.equal(answer.status, 403);
  assert.equal((await askAdmin(daemon.adminPort, '/api/v1/stream', { method: 'POST' })).status, 405);
});
