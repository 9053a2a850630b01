import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ToWorker } from '../../../../src/ipc/messages.ts';
import { ConnectionQuotas } from '../../../../src/master/limits/connection-quotas.ts';
import { ClientSeat, type Guest } from '../../../../src/proxy/limits/client-seat.ts';
import { type PlaceHolder, type PlaceOptions, Places } from '../../../../src/proxy/limits/places.ts';

const POOL = 'p';
const options = (address: number, users: Record<string, number> = {}, pool = 0): PlaceOptions => ({
  ...{ pool, address },
  users: new Map(Object.entries(users)),
});

/** A client, as the places know it. */
class Client implements Guest {
  seat: ClientSeat | null = null;
  /** Null: not refused. */
  refusedByLimit: boolean | null = null;
  isGone = false;
  user: string | null = null;
  woken = 0;

  admit(seat: ClientSeat): void {
    this.seat = seat;
    seat.take({ wake: () => this.woken++ });
    seat.countAs(this.user);
  }

  turnAway(full: PlaceHolder['scope']): void {
    this.refusedByLimit = full !== 'pool';
  }

  countIn(): void {
    this.seat?.countAs(this.user);
  }

  /** Signs in, as far as it can: whether there is a place, or undefined while nobody knows. */
  signIn(user: string): boolean | undefined {
    const place = this.seat?.enter(user);
    if (place === 2) return undefined;
    if (place === 0) this.user = user;
    this.seat?.countAs(this.user);
    return place === 0;
  }
}

/** Workers and the master, whose messages arrive when `deliver` is called. */
function cluster(workers: number, first: PlaceOptions) {
  const mail: (() => void)[] = [];
  const full: PlaceHolder[] = [];
  const quotas = new ConnectionQuotas(holder => full.push(holder));
  const clients: Client[][] = [];
  const places = Array.from({ length: workers }, (_, id) => {
    const worker = {
      id,
      send: (message: ToWorker) => {
        mail.push(() => {
          if (message.type === 'grant') places[id]?.granted(message, message.count, message.isForced);
          if (message.type === 'recall') places[id]?.recall(message);
        });
        return true;
      },
    };
    clients.push([]);
    const of = new Places(POOL, {
      ask: (holder, limit, count, isForced) =>
        mail.push(() => quotas.receive(worker, { type: 'ask', ...holder, limit, count, isForced })),
      giveBack: (holder, count, isAnswer) =>
        mail.push(() => quotas.receive(worker, { type: 'giveBack', ...holder, count, isAnswer })),
    });
    of.configure(POOL, first, []);
    return of;
  });
  const deliver = () => {
    for (let next = mail.shift(); next !== undefined; next = mail.shift()) next();
  };
  const enter = (worker: number, peer = '10.0.0.1:5000', user: string | null = null) => {
    const client = new Client();
    client.user = user;
    clients[worker]?.push(client);
    new ClientSeat(places[worker] as Places, client, peer, user).find();
    return client;
  };
  const configure = (next: PlaceOptions, name = POOL) => {
    for (const [worker, of] of places.entries()) of.configure(name, next, clients[worker] ?? []);
  };
  return { places, quotas, deliver, enter, configure, full, clients };
}

test('an address has as many connections as it may, however they spread; others have theirs', () => {
  for (const limit of [1, 2, 5, 40]) {
    const { enter, deliver } = cluster(4, options(limit));
    const one = Array.from({ length: limit + 5 }, (_, i) => {
      const client = enter((i * i) % 4);
      if (i % 3 === 0) deliver();
      return client;
    });
    const other = Array.from({ length: limit }, (_, i) => enter(i % 4, `10.0.0.2:${i + 1}`));
    deliver();
    assert.equal(one.filter(({ seat }) => seat !== null).length, limit);
    assert.equal(one.filter(({ refusedByLimit }) => refusedByLimit === true).length, 5);
    assert.ok(other.every(({ seat }) => seat !== null));
  }
});

test('who the pool has no place for leaves the place of its address', () => {
  const { enter, deliver, configure } = cluster(1, options(2, {}, 1));
  const [one, two] = [enter(0), enter(0)];
  deliver();
  assert.ok(one.seat);
  assert.equal(two.refusedByLimit, false);
  configure(options(2));
  const three = enter(0);
  deliver();
  assert.ok(three.seat);
});

test('who is gone before there was an answer takes no place', () => {
  const { enter, deliver } = cluster(2, options(1));
  const one = enter(0);
  one.isGone = true;
  deliver();
  const two = enter(1);
  deliver();
  assert.ok(two.seat);
});

test('a sign-in waits for the word of the master; a place that was kept and is not needed is free again', () => {
  const { enter, deliver, full } = cluster(2, options(0, { app: 1 }));
  const [one, two] = [enter(0), enter(1)];
  assert.equal(one.signIn('app'), undefined);
  assert.equal(one.seat?.isAwaiting, true);
  deliver();
  assert.equal(one.woken, 1);
  assert.equal(one.seat?.isKeeping, true);
  // Its password is another by now: it is nobody, as before.
  one.countIn();
  assert.equal(one.seat?.isKeeping, false);
  assert.equal(two.signIn('app'), undefined);
  deliver();
  assert.equal(two.signIn('app'), true);
  assert.equal(one.signIn('app'), undefined);
  deliver();
  assert.equal(one.signIn('app'), false);
  assert.deepEqual(full, [{ pool: POOL, scope: 'user', name: 'app' }]);
  // The one that has it signs in anew, and then leaves.
  assert.equal(two.signIn('app'), true);
  two.seat?.leave();
  assert.equal(one.signIn('app'), undefined);
  deliver();
  assert.equal(one.signIn('app'), true);
});

test('a client that leaves while its place is asked for has none', () => {
  const { enter, deliver } = cluster(2, options(0, { app: 1 }));
  const [one, two] = [enter(0), enter(1)];
  one.signIn('app');
  one.seat?.leave();
  deliver();
  assert.equal(one.woken, 0);
  two.signIn('app');
  deliver();
  assert.equal(two.signIn('app'), true);
});

test('limits that come count who is there; those that go, and another name of the pool, leave nothing behind', () => {
  const { enter, deliver, configure } = cluster(2, options(0));
  const inside = [enter(0), enter(0), enter(1)];
  for (const client of inside) assert.equal(client.signIn('app'), true);
  configure(options(3, { app: 4 }));
  deliver();
  assert.equal(enter(1).refusedByLimit, null);
  deliver();
  const late = enter(1, '10.0.0.9:1');
  deliver();
  assert.equal(late.signIn('app'), undefined);
  deliver();
  assert.equal(late.signIn('app'), true);
  const later = enter(0, '10.0.0.9:2');
  deliver();
  later.signIn('app');
  deliver();
  assert.equal(later.signIn('app'), false);
  configure(options(3, { app: 5 }), 'q');
  deliver();
  assert.equal(later.signIn('app'), undefined);
  deliver();
  assert.equal(later.signIn('app'), true);
  configure(options(0), 'q');
  deliver();
  assert.ok(enter(0).seat);
});

test('at any order of events no more are in than may be, and what is left is found', () => {
  let seed = 1;
  const random = (below: number) => {
    seed = (seed * 48271) % 2147483647;
    return seed % below;
  };
  for (let round = 0; round < 200; round++) {
    const { enter, deliver, clients } = cluster(3, options(4, { app: 3 }));
    const all: Client[] = [];
    for (let step = 0; step < 60; step++) {
      const client = all[random(all.length + 1)];
      if (client === undefined) all.push(enter(random(3)));
      else if (client.seat === null) client.isGone = true;
      else if (random(3) === 0) {
        client.seat.leave();
        all.splice(all.indexOf(client), 1);
      } else client.signIn(random(2) === 0 ? 'app' : 'free');
      if (random(4) === 0) deliver();
      const inside = all.filter(({ seat }) => seat !== null);
      assert.ok(inside.length <= 4, `${inside.length} are in`);
      assert.ok(inside.filter(({ user }) => user === 'app').length <= 3);
    }
    deliver();
    for (const client of all) {
      client.isGone = true;
      client.seat?.leave();
    }
    deliver();
    for (const of of clients) of.length = 0;
    const again = Array.from({ length: 4 }, (_, i) => enter(i % 3));
    deliver();
    assert.ok(again.every(({ seat }) => seat !== null));
  }
});
