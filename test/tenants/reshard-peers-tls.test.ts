// Proxies whose admin servers speak TLS change a ring together; one that others do not believe takes no part.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import type { ReshardStatus } from '../../src/master/reshard/reshard-status.ts';
import { Authority } from '../support/certificates.ts';
import { run } from '../support/child.ts';
import { freePorts } from '../support/free-port.ts';
import { RawClient } from '../support/raw-client.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { type Ringmaster, startRingmaster } from '../support/ringmaster.ts';
import { waitFor } from '../support/wait-for.ts';

const KEYS = Array.from({ length: 200 }, (_, i) => `key:${i}`);
const TOKEN = 's3cret';

interface Proxies {
  readonly daemons: readonly Ringmaster[];
  readonly ports: readonly number[];
  readonly servers: readonly RedisServer[];
  /** The file with so many servers in the ring. */
  file(proxy: number, servers: number): string;
  ask(proxy: number, method: string, path: string, body?: object): Promise<Record<string, unknown>>;
  status(proxy: number): Promise<ReshardStatus>;
}

/** Two of them; the second is signed by another authority where they are not to believe each other. */
async function start(t: TestContext, areKin: boolean): Promise<Proxies> {
  const authority = await Authority.create();
  const stranger = areKin ? authority : await Authority.create();
  const certificates = [await authority.sign('one'), await stranger.sign('two')];
  const servers = await Promise.all([startRedis(), startRedis(), startRedis()]);
  t.after(() => Promise.all(servers.map(server => server.kill())));
  const ports = await freePorts(4);
  const file = (proxy: number, count: number) =>
    `admin: 127.0.0.1:${ports[proxy + 2]}
admin_token: ${TOKEN}
admin_tls: { cert: ${certificates[proxy]?.cert}, key: ${certificates[proxy]?.key}, ca: ${authority.cert} }
peers: 127.0.0.1:${ports[2]}, 127.0.0.1:${ports[3]}
pools:
  red:
    listen: 127.0.0.1:${ports[proxy]}
    protocol: redis
    hash: murmur
    servers: [${servers
      .slice(0, count)
      .map((server, i) => `127.0.0.1:${server.port}:1 s${i}`)
      .join(', ')}]
`;
  const daemons = await Promise.all([0, 1].map(proxy => startRingmaster({ config: file(proxy, 2), workers: 1 })));
  t.after(() => Promise.all(daemons.map(daemon => daemon.kill())));
  const ask = async (proxy: number, method: string, path: string, body?: object) => {
    const ca = proxy === 0 ? authority.cert : stranger.cert;
    const asked = ['-s', '--cacert', ca, '-X', method, '-H', `authorization: Bearer ${TOKEN}`];
    const sent = body === undefined ? [] : ['-H', 'content-type: application/json', '-d', JSON.stringify(body)];
    const { stdout, stderr, code } = await run('curl', [
      ...asked,
      ...sent,
      `https://127.0.0.1:${ports[proxy + 2]}${path}`,
    ]);
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout) as Record<string, unknown>;
  };
  const status = async (proxy: number) => (await ask(proxy, 'GET', '/api/v1/reshard')) as unknown as ReshardStatus;
  return { daemons, ports, servers, file, ask, status };
}

async function clientOf(t: TestContext, port: number): Promise<RawClient> {
  const client = await RawClient.connect(port);
  t.after(() => client.destroy());
  return client;
}

test('proxies that trust the same authority change the ring together', async t => {
  const { daemons, ports, servers, file, ask, status } = await start(t, true);
  const clients = await Promise.all(ports.slice(0, 2).map(port => clientOf(t, port)));
  for (const key of KEYS) await clients[0]?.command('SET', key, key);
  const { result, error } = await ask(0, 'POST', '/api/v1/reshard/start', { file: file(0, 3), pace: '1gb/s' });
  assert.notEqual(result, 'refused', String(error));
  for (const proxy of [0, 1]) {
    const isOver = async () => (await status(proxy)).reshard?.phase === 'over';
    await waitFor(isOver, { what: `the end of the reshard at ${proxy}`, timeoutMs: 60_000 });
    await waitFor(() => readFileSync(daemons[proxy]?.configFile as string, 'utf8').includes(' s2'), {
      what: 'the new file',
    });
  }
  assert.ok(Number(await servers[2]?.command('DBSIZE')) > 0, 'the new server has keys');
  for (const client of clients) {
    for (const key of KEYS) assert.equal(String(await client.command('GET', key)), key);
  }
});

test('one whose certificate another does not believe: nothing is begun', async t => {
  const { file, ask, status } = await start(t, false);
  const { result, error } = await ask(0, 'POST', '/api/v1/reshard/start', { file: file(0, 3), pace: '1gb/s' });
  assert.equal(result, 'refused');
  assert.match(String(error), /UNABLE_TO_VERIFY|SELF_SIGNED|unable to verify|unreachable/i);
  for (const proxy of [0, 1]) assert.equal((await status(proxy)).reshard, null);
});
