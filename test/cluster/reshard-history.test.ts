// What many clients see while the ring changes and things die, by the history checker; and that it finds nothing where the
// ring stays, and what is planted.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { reshardFaults, reshardTo } from '../soak/reshard-change.ts';
import type { FleetRing, ReshardFleet } from '../soak/reshard-fleet.ts';
import { keysOf } from '../soak/reshard-keys.ts';
import { type ReshardSoakOptions, runReshardSoak } from '../soak/reshard-soak.ts';
import type { HistoryRecorder } from '../support/history/recorder.ts';
import { RawClient } from '../support/raw-client.ts';
import { runRingmaster } from '../support/ringmaster.ts';

const RUN: Omit<ReshardSoakOptions, 'protocol' | 'rings'> = {
  seed: 1,
  clients: 6,
  registers: 16,
  operationsBetween: 1000,
  change: reloadAnotherRing,
};

/** A change of the ring without resharding: the keys stay where they are. */
async function reloadAnotherRing(fleet: ReshardFleet, ring: FleetRing): Promise<void> {
  for (const proxy of fleet.proxies) {
    proxy.ringmaster.writeConfig(fleet.config(proxy, ring));
    const { code, stderr } = await runRingmaster(['reload', '-c', proxy.ringmaster.configFile]);
    assert.equal(code, 0, stderr);
  }
}

describe('what clients see while keys move has an order, and each key is where it belongs', () => {
  const CHANGES = { ...RUN, registers: 60, change: reshardTo, faultPauseMs: 1500 };

  test('redis, while processes die', async () => {
    const fault = reshardFaults(['worker', 'mover', 'frozen server', 'server', 'proxy']);
    assert.deepEqual((await runReshardSoak({ ...CHANGES, protocol: 'redis', rings: [2, 4], fault })).problems, []);
  });

  test('redis, by another hash and back, without a single error', async () => {
    const rings = [3, { servers: 3, hash: 'md5' }, 3];
    const { problems, errors } = await runReshardSoak({ ...CHANGES, protocol: 'redis', rings });
    assert.deepEqual([problems, [...errors]], [[], []]);
  });

  test('memcached, without a single error', async () => {
    const { problems, errors } = await runReshardSoak({ ...CHANGES, protocol: 'memcached', rings: [2, 3, 2] });
    assert.deepEqual([problems, [...errors]], [[], []]);
  });
});

test('what is planted on the servers of a ring that stays is found, and nothing else', async () => {
  const planted = new Map<string, RegExp>();
  const tamper = async (fleet: ReshardFleet, recorder: HistoryRecorder) => {
    const { found } = await keysOf(fleet);
    const present = [...found].filter(([key]) => key.startsWith('register:'));
    const [lost, old, twice] = present as [(typeof present)[0], (typeof present)[0], (typeof present)[0]];
    const clients = await Promise.all(fleet.servers.map(({ port }) => RawClient.connect(port)));
    const at = (server: string) => clients[Number(server.slice('server-'.length))]!;
    // Seen when nobody writes any more: else a deletion that overlapped the last write would explain that it is gone.
    const [invokedAt, seen] = [performance.now(), String(lost[1][0]!.value)];
    recorder.register(lost[0], { kind: 'read', value: '', seen, invokedAt, returnedAt: invokedAt, by: 'the test' });
    await at(lost[1][0]!.server).command('DEL', lost[0]);
    planted.set(lost[0], /the last of these fits no order[\s\S]*read → nothing {2}\(the end\)$/);
    await at(old[1][0]!.server).command('SET', old[0], 'v0');
    planted.set(old[0], /the last of these fits no order[\s\S]*read → v0 {2}\(the end\)$/);
    const { server, value } = twice[1][0]!;
    await clients[(Number(server.slice('server-'.length)) + 1) % clients.length]!.command('SET', twice[0], `${value}`);
    planted.set(twice[0], /is on server-\d and server-\d$/);
    await clients[0]!.command('SET', 'stranger', 'x');
    planted.set('stranger', /was never written|is not where it is looked for/);
    for (const client of clients) client.destroy();
  };
  const { problems } = await runReshardSoak({ ...RUN, protocol: 'redis', rings: [3], tamper });
  for (const [key, problem] of planted) {
    const said = problems.filter(each => each.startsWith(`${key} `) || each.startsWith(`${key}:`));
    assert.ok(
      said.some(each => problem.test(each)),
      `${key}: ${said.join('\n') || 'nothing was said'}`,
    );
  }
  const others = problems.filter(each => !planted.has(/^[^ ]*?(?=:? )/.exec(each)![0]));
  assert.deepEqual(others, []);
});

describe('a ring that is exchanged while its keys stay is found out', () => {
  test('redis', async () => {
    const { problems } = await runReshardSoak({ ...RUN, protocol: 'redis', rings: [2, 3] });
    assert.ok(
      problems.some(each => /fits no order/.test(each)),
      problems.join('\n'),
    );
    assert.ok(
      problems.some(each => /is on server-\d and server-\d/.test(each)),
      problems.join('\n'),
    );
  });

  test('memcached', async () => {
    const { problems } = await runReshardSoak({ ...RUN, protocol: 'memcached', rings: [2, 3, 2] });
    assert.ok(
      problems.some(each => /fits no order/.test(each)),
      problems.join('\n'),
    );
  });
});
