// A running system with trouble in it, for whoever is to find it: one of four servers answers late, one key gets 30 % of the
// reads, one client floods, and a setting was changed.
import type { TestContext } from 'node:test';
import { askAdmin } from './admin-client.ts';
import { answering, inOnePiece, late, startFakeBackend } from './fake-backend.ts';
import { freePorts } from './free-port.ts';
import { RawClient } from './raw-client.ts';
import { redisRequest } from './request-splitter.ts';
import { type Ringmaster, startRingmaster } from './ringmaster.ts';
import { SeededRandom } from './seeded-random.ts';

const LATE_MS = 20;
const READERS = 8;

export const TROUBLE = {
  pool: 'cache',
  lateServer: 'server-2',
  hotKey: 'front-page',
  hotShare: 0.3,
  floodName: 'importer',
  setting: 'cache.max_pipeline',
  settingValue: '999',
  token: 'a-token-of-the-test',
} as const;

export interface TroubledSystem {
  readonly daemon: Ringmaster;
  readonly adminPort: number;
  /** Ends the traffic. */
  stop(): Promise<void>;
}

export async function plantTrouble(t: TestContext): Promise<TroubledSystem> {
  const { pool, lateServer, hotKey, hotShare, floodName, setting, settingValue, token } = TROUBLE;
  const names = ['server-0', 'server-1', 'server-2', 'server-3'];
  const backends = await Promise.all(
    names.map(name => {
      const delivery = name === lateServer ? late(LATE_MS) : inOnePiece;
      return startFakeBackend(answering(redisRequest, () => '$1\r\nx\r\n', delivery));
    }),
  );
  t.after(() => Promise.all(backends.map(backend => backend.close())));
  const [port, adminPort] = (await freePorts(2)) as [number, number];
  const servers = names.map((name, i) => `      - 127.0.0.1:${backends[i]!.port}:1 ${name}`);
  const config = `admin: 127.0.0.1:${adminPort}
admin_token: ${token}
pools:
  ${pool}:
    listen: 127.0.0.1:${port}
    protocol: redis
    hash: murmur
    sample_one_in: 5
    servers:
${servers.join('\n')}
`;
  const daemon = await startRingmaster({ config, workers: 2 });
  t.after(() => daemon.kill());

  let isAsking = true;
  const clients: RawClient[] = [];
  const loads: Promise<void>[] = [];
  for (let i = 0; i < READERS; i++) {
    const client = await RawClient.connect(port);
    clients.push(client);
    const random = new SeededRandom(i);
    const read = async () => {
      while (isAsking) {
        await client.command('GET', random.chance(hotShare) ? hotKey : `key-${random.between(0, 20_000)}`);
      }
    };
    loads.push(read().catch(() => {}));
  }
  const flood = await RawClient.connect(port);
  clients.push(flood);
  await flood.command('CLIENT', 'SETNAME', floodName);
  const random = new SeededRandom(99);
  const write = async () => {
    while (isAsking) {
      const keys = Array.from({ length: 50 }, () => `row-${random.between(0, 1_000_000)}`);
      flood.send(keys.map(key => `*2\r\n$4\r\nINCR\r\n$${key.length}\r\n${key}\r\n`).join(''));
      await flood.readReplies(keys.length);
    }
  };
  loads.push(write().catch(() => {}));

  const stop = async () => {
    isAsking = false;
    for (const client of clients) client.destroy();
    await Promise.all(loads);
  };
  t.after(stop);
  const answer = await askAdmin(adminPort, '/api/v1/settings', {
    method: 'PATCH',
    headers: { authorization: `Bearer ${token}`, 'x-ringmaster-by': 'night-shift' },
    body: { set: { [setting]: settingValue } },
  });
  if (answer.status !== 200) throw new Error(answer.text);
  return { daemon, adminPort, stop };
}
