// DBSIZE, RANDOMKEY, FLUSHDB and FLUSHALL under a key prefix while keys go from one ring to another: none gets by, and none counts twice.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { HeldRequests } from '../support/held-requests.ts';
import type { RawClient } from '../support/raw-client.ts';
import { encodeCommand } from '../support/resp-reader.ts';
import { startTwoRings } from '../support/two-rings.ts';
import { waitFor } from '../support/wait-for.ts';

const PREFIX = 'app:';
const NAMES = Array.from({ length: 400 }, (_, i) => `k${i}`);
const NIL = '$-1\r\n';
/** The command, and no script that has the word in it. */
const SCAN = '\r\nSCAN\r\n';
/** So many that a server is asked some twenty times. */
const OTHERS = Array.from({ length: 10_000 }, (_, i) => `other:${i}`);

/** Two workers between two rings. What they send to the first server, or to the last, which is new, can be held. */
async function start(t: TestContext) {
  const gates: HeldRequests[] = [];
  const rings = await startTwoRings(t, {
    workers: 2,
    settings: [`key_prefix: '${PREFIX}'`, 'timeout: 30s'],
    portOf: async ({ port }, place) => {
      gates[place] = await HeldRequests.before(t, port);
      // MIGRATE goes from server to server, past the gate.
      return gates[place].port;
    },
  });
  const { servers, workers, go } = rings;
  const clients = (await Promise.all(workers.map(worker => worker.client()))) as [RawClient, RawClient];
  t.after(() => clients.forEach(each => void each.destroy()));
  const moving = NAMES.filter(name => rings.moves(PREFIX + name));
  const fill = async () => {
    clients[0].send(Buffer.concat(NAMES.map(name => encodeCommand('SET', name, name))));
    await clients[0].readReplies(NAMES.length);
  };
  /** Of these keys, which are as clients name them, by the other worker: so they are brought. */
  const bring = async (names: readonly string[]) => {
    clients[1].send(Buffer.concat(names.map(name => encodeCommand('GET', name))));
    return (await clients[1].readReplies(names.length)).map(String);
  };
  const left = async () => {
    const found = await Promise.all(servers.map(server => server.command('KEYS', `${PREFIX}*`)));
    return (found as Buffer[][]).flat().map(String).sort();
  };
  for (const server of servers) await server.command('MSET', ...OTHERS.flatMap(key => [key, 'theirs']));
  await fill();
  assert.ok(moving.length > 50);
  const sweep = (...words: readonly string[]) => {
    clients[0].send(encodeCommand(...words));
    return clients[0].readReply().then(String);
  };
  return { ...rings, gates, moving, fill, bring, left, go, sweep, client: clients[0] };
}

type Started = Awaited<ReturnType<typeof start>>;

async function until(gate: HeldRequests): Promise<void> {
  await waitFor(() => gate.count > 0, { what: 'a request to be held' });
}

/** A step of what is held at a time, until the change is in force: it waits for what was sent before it. */
async function stepUntil(gates: readonly HeldRequests[], change: Promise<void>): Promise<void> {
  let isInForce = false;
  void change.then(() => {
    isInForce = true;
  });
  while (!isInForce) {
    await waitFor(() => isInForce || gates.some(({ count }) => count > 0), {
      what: 'the change, or what it waits for',
    });
    if (!isInForce) for (const gate of gates) gate.step();
  }
  await change;
}

async function othersAreThere({ servers }: Started): Promise<void> {
  for (const server of servers) assert.equal(await server.command('EXISTS', ...OTHERS), OTHERS.length);
}

for (const command of ['FLUSHDB', 'FLUSHALL']) {
  test(`${command}: keys that begin to move after it has begun are gone all the same`, async t => {
    const rings = await start(t);
    const { gates, moving, go, bring, sweep, left } = rings;
    gates[0]!.word = SCAN;
    gates[1]!.word = SCAN;
    const reply = sweep(command);
    await until(gates[0]!);
    await stepUntil(gates.slice(0, 2), go('hold'));
    await stepUntil(gates.slice(0, 2), go('both'));
    await until(gates[0]!);
    const brought = await bring(moving);
    assert.equal(brought.filter(value => value !== NIL).length > 20, true, 'most were not met yet');
    for (const gate of gates) gate.release();
    assert.equal(await reply, '+OK\r\n');
    assert.deepEqual(await left(), []);
    assert.deepEqual(new Set(await bring(NAMES)), new Set([NIL]));
    await othersAreThere(rings);
  });

  test(`${command}: keys that are on their way, or arrive before or after it looks there, are gone`, async t => {
    const rings = await start(t);
    const { gates, moving, go, bring, sweep, left } = rings;
    await go('hold');
    await go('both');
    await bring(moving.slice(0, 20));
    gates[0]!.word = SCAN;
    const reply = sweep(command);
    await until(gates[0]!);
    await bring(moving.slice(20, 40));
    gates[2]!.word = SCAN;
    gates[0]!.release();
    await until(gates[2]!);
    // Gone already, where it was looked for first.
    assert.deepEqual(new Set(await bring(moving.slice(40))), new Set([NIL]));
    for (const gate of gates) gate.release();
    assert.equal(await reply, '+OK\r\n');
    assert.deepEqual(await left(), []);
    await othersAreThere(rings);
  });
}

test('FLUSHDB: the way back, and an end in the middle of it', async t => {
  const rings = await start(t);
  const { gates, moving, go, bring, sweep, left, fill } = rings;
  await go('hold');
  await go('both');
  await bring(moving);
  await go('both', true);
  gates[2]!.word = SCAN;
  const back = sweep('FLUSHDB');
  await until(gates[2]!);
  await bring(moving);
  // The old ring again: the server on which it is held leaves the pool.
  await go(null);
  gates[2]!.release();
  assert.equal(await back, '+OK\r\n');
  assert.deepEqual(await left(), []);
  await fill();
  assert.equal(await sweep('DBSIZE'), `:${NAMES.length}\r\n`);
  await othersAreThere(rings);
});

test('FLUSHDB: a reload takes a server out of the pool that it is at', async t => {
  const rings = await start(t);
  const { gates, sweep, servers, workers } = rings;
  gates[0]!.word = SCAN;
  const reply = sweep('FLUSHDB');
  await until(gates[0]!);
  const { from } = workers[0]!;
  await workers[0]!.reload({ ...from, servers: from.servers.slice(1) });
  gates[0]!.release();
  assert.equal(await reply, '+OK\r\n');
  assert.deepEqual(await servers[1]!.command('KEYS', `${PREFIX}*`), []);
  await othersAreThere(rings);
});

test('DBSIZE: each key once, whether it moves before it is met, after it, or in between', async t => {
  const { gates, moving, go, bring, sweep } = await start(t);
  const all = `:${NAMES.length}\r\n`;
  // It begins in the old ring, and goes on in both.
  gates[0]!.word = SCAN;
  gates[1]!.word = SCAN;
  const early = sweep('DBSIZE');
  await until(gates[0]!);
  await stepUntil(gates.slice(0, 2), go('hold'));
  await stepUntil(gates.slice(0, 2), go('both'));
  await until(gates[0]!);
  await bring(moving.slice(0, 20));
  for (const gate of gates) gate.release();
  assert.equal(await early, all);
  // Not met where it was: it has arrived.
  gates[0]!.word = SCAN;
  gates[1]!.word = SCAN;
  const before = sweep('DBSIZE');
  await until(gates[0]!);
  await until(gates[1]!);
  await bring(moving.slice(20, 40));
  for (const gate of gates) gate.release();
  assert.equal(await before, all);
  // Met in both places.
  gates[2]!.word = SCAN;
  const after = sweep('DBSIZE');
  await until(gates[2]!);
  await bring(moving.slice(40, 60));
  gates[2]!.release();
  assert.equal(await after, all);
  assert.match(await sweep('RANDOMKEY'), /^\$\d+\r\nk\d+\r\n$/);
  // To its end while it counts.
  gates[2]!.word = SCAN;
  const late = sweep('DBSIZE');
  await until(gates[2]!);
  await bring(moving);
  await go('new');
  gates[2]!.release();
  assert.equal(await late, all);
});

test('DBSIZE: more names that move than keys_limit are an error', async t => {
  const { worker, go } = await startTwoRings(t, { settings: [`key_prefix: '${PREFIX}'`, 'keys_limit: 8kb'] });
  const client = await worker.client();
  t.after(() => client.destroy());
  const names = Array.from({ length: 1000 }, (_, i) => `${i}${'x'.repeat(100)}`);
  client.send(Buffer.concat(names.map(name => encodeCommand('SET', name, 'v'))));
  await client.readReplies(names.length);
  await go('hold');
  await go('both');
  client.send(encodeCommand('DBSIZE'));
  assert.match(String(await client.readReply()), /^-ERR 'dbsize' .*more bytes than the setting keys_limit/);
});

test('SCAN and KEYS: every key that is there throughout, also one that moves meanwhile', async t => {
  const { go, moving, bring, client } = await start(t);
  const phases = ['hold', 'both'] as const;
  const found = new Set<string>();
  let cursor = '0';
  for (let step = 0; step === 0 || cursor !== '0'; step++) {
    const [next, keys] = (await client.command('SCAN', cursor, 'COUNT', 200)) as [Buffer, Buffer[]];
    for (const key of keys) found.add(String(key));
    cursor = String(next);
    if (step < 2) await go(phases[step]!);
    else await bring(moving.slice((step - 2) * 5, (step - 1) * 5));
  }
  assert.deepEqual([...found].sort(), [...NAMES].sort());
  const listed = ((await client.command('KEYS', '*')) as Buffer[]).map(String);
  assert.deepEqual(listed.sort(), [...NAMES].sort());
});
