// What clients see of a server that fails, in front of a fake one that does wrong on purpose. Never may a client read
// bytes that are not the reply to its request.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  answering,
  byteByByte,
  cutAfter,
  type Delivery,
  type FakeBackend,
  followedBy,
  held,
  inOnePiece,
  never,
  replacedBy,
  resetAfter,
  startFakeBackend,
  twice,
} from '../support/fake-backend.ts';
import { freePort } from '../support/free-port.ts';
import { type Daemon, startDaemon } from '../support/pool-daemon.ts';
import type { RawClient } from '../support/raw-client.ts';
import { SeededRandom, seedFrom } from '../support/seeded-random.ts';
import { waitFor, within } from '../support/wait-for.ts';
import { ask, readOne, WIRES, type Wire } from '../support/wire.ts';

const cleanUps: (() => unknown)[] = [];
const t = { after: (cleanUp: () => unknown) => void cleanUps.unshift(cleanUp) };
const fakes = new Map<Wire, FakeBackend>();
let daemon: Daemon;

before(async () => {
  for (const wire of WIRES) {
    const fake = await startFakeBackend(answering(wire.split, wire.answer));
    t.after(() => fake.close());
    fakes.set(wire, fake);
  }
  const pools = WIRES.flatMap(wire => {
    const servers = [fakes.get(wire)!.port];
    return [
      [wire.protocol, { protocol: wire.protocol, servers }],
      [`${wire.protocol}-timeout`, { protocol: wire.protocol, servers, settings: ['timeout: 80'] }],
    ] as const;
  });
  daemon = await startDaemon(t, Object.fromEntries(pools));
});

after(async () => {
  for (const cleanUp of cleanUps) await cleanUp();
});

/** Has the fake deliver its right answers like this, over new connections. */
function deliver(wire: Wire, delivery: Delivery): FakeBackend {
  const fake = fakes.get(wire) as FakeBackend;
  fake.handler = answering(wire.split, wire.answer, delivery);
  return fake;
}

/** The first reply, over all connections, goes out like this; the others as they should. */
function atFirst(delivery: Delivery): Delivery {
  let isFirst = true;
  return (socket, reply) => {
    const chosen = isFirst ? delivery : inOnePiece;
    isFirst = false;
    return chosen(socket, reply);
  };
}

/** Says nothing any more, to no later request either. */
const silence: Delivery = socket => new Promise(resolve => socket.once('close', resolve));

/** A client of a pool whose server is well and connected. */
async function wellClient(wire: Wire, pool: string = wire.protocol): Promise<RawClient> {
  deliver(wire, inOnePiece);
  const client = await daemon.client(pool);
  await waitFor(async () => (await ask(client, wire, 'well')) === wire.value('well'), { what: `${pool} to be well` });
  return client;
}

for (const wire of WIRES) {
  describe(wire.protocol, () => {
    test('half a reply and then the end becomes an error, for all that was inflight; then all is well', async () => {
      for (const delivery of [cutAfter(7), resetAfter(7), cutAfter(0), resetAfter()]) {
        const client = await wellClient(wire);
        deliver(wire, atFirst(delivery));
        client.send(wire.get('a') + wire.get('b') + wire.get('c'));
        for (let i = 0; i < 3; i++) assert.match(await readOne(client, wire), wire.error);
        await waitFor(async () => (await ask(client, wire, 'd')) === wire.value('d'), { what: 'a right reply' });
        client.destroy();
      }
    });

    test('half of a long reply and then the end closes the connection: what came of it was right', async () => {
      const client = await wellClient(wire);
      const whole = wire.value('long', 2_000_000);
      const fake = fakes.get(wire) as FakeBackend;
      fake.handler = answering(wire.split, () => whole, cutAfter(1_000_000));
      client.send(wire.get('long') + wire.get('b'));
      const got = (await client.readToEnd()).toString('latin1');
      assert.ok(got.length < whole.length && whole.startsWith(got), `${got.length} bytes`);
    });

    test('one-byte pieces make whole replies', async () => {
      const client = await wellClient(wire);
      deliver(wire, byteByByte);
      client.send(['a', 'b', 'c', 'd'].map(wire.get).join(''));
      for (const key of ['a', 'b', 'c', 'd']) assert.equal(await readOne(client, wire), wire.value(key));
      client.destroy();
    });

    test('a second answer reaches nobody', async () => {
      const client = await wellClient(wire);
      deliver(wire, atFirst(twice));
      for (const key of ['a', 'b', 'c']) {
        const reply = await ask(client, wire, key);
        assert.ok(reply === wire.value(key) || wire.error.test(reply), reply);
      }
      client.destroy();
    });

    test('garbage is an error, and the connection that it came over is not used again', async () => {
      const client = await wellClient(wire);
      const fake = deliver(wire, atFirst(replacedBy('\x00\xffgarbage\r\n')));
      const before = fake.connections.length;
      assert.match(await ask(client, wire, 'a'), wire.error);
      fake.handler = answering(wire.split, wire.answer);
      assert.equal(await ask(client, wire, 'b'), wire.value('b'));
      assert.equal(fake.connections.length, before + 1);
      client.destroy();
    });

    test('garbage behind a right reply costs that reply nothing', async () => {
      const client = await wellClient(wire);
      deliver(wire, atFirst(followedBy('\x00\xffgarbage\r\n')));
      assert.equal(await ask(client, wire, 'a'), wire.value('a'));
      await waitFor(async () => (await ask(client, wire, 'b')) === wire.value('b'), { what: 'a right reply' });
      client.destroy();
    });

    test('a reply of the wrong type goes to its own request, or is an error', async () => {
      const client = await wellClient(wire);
      deliver(wire, atFirst(replacedBy(wire.wrongType)));
      const replies: string[] = [];
      for (const key of ['a', 'b', 'c']) replies.push(await ask(client, wire, key));
      for (const [i, key] of ['a', 'b', 'c'].entries()) {
        const reply = replies[i] as string;
        assert.ok(reply === wire.value(key) || reply === wire.wrongType || wire.error.test(reply), reply);
      }
      client.destroy();
    });

    test('an answer after the timeout reaches nobody', async () => {
      const client = await wellClient(wire, `${wire.protocol}-timeout`);
      const gate = held();
      const fake = deliver(wire, atFirst(gate.delivery));
      assert.match(await ask(client, wire, 'late'), /timed out/);
      deliver(wire, inOnePiece);
      client.send(wire.get('a'));
      gate.release();
      client.send(wire.get('b'));
      // On a machine that is busy these may be late themselves.
      for (const key of ['a', 'b']) {
        const reply = await readOne(client, wire);
        assert.ok(reply === wire.value(key) || /timed out/.test(reply), reply);
      }
      await waitFor(async () => (await ask(client, wire, 'c')) === wire.value('c'), { what: 'a right reply' });
      assert.ok(fake.requests().length > 0);
      client.destroy();
    });

    test('a server that never answers: an error after the timeout, and without one the client waits', async () => {
      const impatient = await wellClient(wire, `${wire.protocol}-timeout`);
      const patient = await wellClient(wire);
      const fake = deliver(wire, never);
      const startedAt = performance.now();
      patient.send(wire.get('a'));
      assert.match(await ask(impatient, wire, 'b'), /timed out/);
      assert.ok(performance.now() - startedAt >= 75);
      assert.equal(patient.unread().length, 0);
      // The proxy itself answers while its server is silent.
      const other = await daemon.client(wire.protocol);
      other.send(wire.ping);
      assert.match((await other.readLine()).toString(), wire.pong);
      fake.resetAll();
      assert.match(await readOne(patient, wire), wire.error);
      for (const client of [impatient, patient, other]) client.destroy();
    });

    test('a server that closes an idle connection: the next request works', async () => {
      const client = await wellClient(wire);
      const fake = fakes.get(wire) as FakeBackend;
      for (const end of ['end', 'resetAndDestroy'] as const) {
        for (const { socket } of fake.connections) if (!socket.destroyed) socket[end]();
        await daemon.untilMetric('ringmaster_server_connections', { pool: wire.protocol }, 0);
        assert.equal(await ask(client, wire, end), wire.value(end));
      }
      client.destroy();
    });

    test('whatever a server does, each reply is the right one, an error, or the end of the connection', async () => {
      const seed = seedFrom('FAULTS_SEED');
      const random = new SeededRandom(seed);
      const fake = fakes.get(wire) as FakeBackend;
      let right = 0;
      for (let round = 0; round < 25; round++) {
        const clients = await Promise.all([wellClient(wire), wellClient(wire)]);
        const sizes = new Map<string, number>();
        const faulty = () =>
          random.pick<Delivery>([
            cutAfter(random.between(0, 60)),
            resetAfter(random.between(0, 60)),
            replacedBy('\x00garbage'),
            silence,
          ]);
        const any: Delivery = (socket, reply) => {
          const delivery = random.chance(0.2) ? faulty() : random.pick([inOnePiece, byteByByte]);
          return delivery(socket, reply);
        };
        fake.handler = answering(
          wire.split,
          request => {
            const key = /k\d+/.exec(request.toString('latin1'))![0];
            return wire.value(key, sizes.get(key) as number);
          },
          any,
        );
        await Promise.all(
          clients.map(async (client, c) => {
            const keys = Array.from({ length: 12 }, (_, i) => `k${round}${c}${i}`);
            for (const key of keys) sizes.set(key, random.pick([1, 30, 500]));
            // A server that says nothing more holds everything up; that is what timeouts are for.
            const unstick = setInterval(() => fake.resetAll(), 100);
            try {
              for (const [i, key] of keys.entries()) {
                // Three at a time, so that not every fault meets all of them.
                if (i % 3 === 0)
                  client.send(
                    keys
                      .slice(i, i + 3)
                      .map(wire.get)
                      .join(''),
                  );
                const reply = await readOne(client, wire).catch(() => 'closed');
                if (reply === 'closed') break;
                const isRight = reply === wire.value(key, sizes.get(key) as number);
                assert.ok(isRight || wire.error.test(reply), `seed ${seed}: ${key} got ${JSON.stringify(reply)}`);
                if (isRight) right++;
              }
            } finally {
              clearInterval(unstick);
              client.destroy();
            }
          }),
        );
      }
      assert.ok(right > 50, `only ${right} right replies: the test tests nothing`);
    });

    test('a server that dies: errors at once; and they flow again when it is back', async () => {
      const port = await freePort();
      const first = await startFakeBackend(answering(wire.split, wire.answer), port);
      const other = await startDaemon(t, {
        mortal: { protocol: wire.protocol, servers: [port], settings: ['timeout: none'] },
      });
      const client = await other.client('mortal');
      assert.equal(await ask(client, wire, 'a'), wire.value('a'));
      first.handler = answering(wire.split, wire.answer, never);
      client.send(wire.get('inflight'));
      await first.untilRequests(2);
      await first.close();
      assert.match(await readOne(client, wire), wire.error);
      // The pool has no timeout: what is not refused at once would never be answered.
      for (let i = 0; i < 20; i++) assert.match(await ask(client, wire, `gone${i}`), wire.error);
      const second = await startFakeBackend(answering(wire.split, wire.answer), port);
      await waitFor(async () => (await ask(client, wire, 'b')) === wire.value('b'), { what: 'the server to be found' });
      await other.untilMetric('ringmaster_server_connections', { pool: 'mortal' }, 1);
      client.destroy();
      await within(other.ringmaster.stop(), { what: 'the end of the daemon' });
      await second.close();
    });
  });
}
