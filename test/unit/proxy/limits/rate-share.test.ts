// A rate over several workers and the master that leases it to them, with a clock that the test drives and messages that it
// delivers: what is used, by whomever and whenever, stays within the rate.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RateLease } from '../../../../src/master/limits/rate-lease.ts';
import { RateLimit, RateShare } from '../../../../src/proxy/limits/rate-share.ts';
import { ShareOffice } from '../../../../src/proxy/limits/share-office.ts';
import { mostAtOnce } from '../../../support/most-at-once.ts';
import { SeededRandom } from '../../../support/seeded-random.ts';

interface World {
  nowMs: number;
  readonly mail: (() => void)[];
  readonly lease: RateLease;
  readonly offices: ShareOffice[];
  readonly shares: RateShare[];
  readonly dead: Set<number>;
  newWorker(): void;
  deliver(count?: number): void;
}

function worldOf(limit: RateLimit, workers: number): World {
  let isBuilt = false;
  const mail: (() => void)[] = [];
  const offices: ShareOffice[] = [];
  const shares: RateShare[] = [];
  const dead = new Set<number>();
  const world: World = {
    nowMs: 0,
    mail,
    offices,
    shares,
    dead,
    lease: new RateLease(
      limit,
      {
        grant: (worker, units, tokens) => mail.push(() => offices[worker]?.granted('key', { units, tokens })),
        recall: (worker, keep) => !dead.has(worker) && mail.push(() => offices[worker]?.recalled('key', keep)) > 0,
      },
      null,
      () => (isBuilt ? world.nowMs : 0),
    ),
    newWorker() {
      const worker = offices.length;
      const clock = { turnMs: () => world.nowMs } as never;
      const office = new ShareOffice(
        {
          ask: (_share, wants) => mail.push(() => !dead.has(worker) && world.lease.ask(worker, wants)),
          give: (_key, { units, tokens }, isAnswer) =>
            mail.push(() => !dead.has(worker) && world.lease.give(worker, units, tokens, isAnswer)),
        },
        clock,
      );
      office.workers = workers;
      const share = new RateShare('key', 'requests', limit);
      offices.push(office);
      shares.push(share);
      office.open(share, { onLeased: () => {} });
    },
    deliver(count = Number.POSITIVE_INFINITY) {
      for (let i = 0; i < count && mail.length > 0; i++) (mail.shift() as () => void)();
    },
  };
  isBuilt = true;
  for (let i = 0; i < workers; i++) world.newWorker();
  return world;
}

/** Uses one, if it may. */
function use({ shares, offices, nowMs }: World, worker: number): boolean {
  const share = shares[worker] as RateShare;
  if (share.has(1, nowMs)) {
    share.take(1);
    return true;
  }
  offices[worker]?.askForMore(share, nowMs);
  return false;
}

const RATES = [
  { amount: 1, periodMs: 10_000, burstMs: 1000 },
  { amount: 3, periodMs: 1000, burstMs: 1000 },
  { amount: 100, periodMs: 1000, burstMs: 300 },
  { amount: 5000, periodMs: 1000, burstMs: 1000 },
  { amount: 1_000_000, periodMs: 1000, burstMs: 10 },
];

for (const rate of RATES) {
  for (const workers of [1, 2, 5]) {
    test(`${rate.amount} in ${rate.periodMs} ms over ${workers} workers is never exceeded, whoever asks and whoever dies`, () => {
      const limit = new RateLimit(rate, rate.burstMs);
      for (let seed = 1; seed <= 12; seed++) {
        const random = new SeededRandom(seed);
        const world = worldOf(limit, workers);
        const usedAtMs: number[] = [];
        const stepMs = Math.max(0.05, Math.min(50, 0.2 / limit.perMs));
        for (let step = 0; step < 3000; step++) {
          if (random.between(0, 3) > 0) world.nowMs += stepMs * random.between(0, 3);
          if (random.between(1, 400) === 1) world.nowMs += 3 * rate.burstMs;
          world.deliver(random.between(0, 2));
          if (random.between(0, 9) === 0) world.lease.look();
          // Some periods belong to one worker, others to all.
          const favourite = Math.floor(step / 500) % (workers + 1);
          const worker = favourite < workers ? favourite : random.between(0, world.offices.length - 1);
          if (use(world, worker)) usedAtMs.push(world.nowMs);
          if (random.between(1, 1500) === 1) {
            const dead = random.between(0, world.offices.length - 1);
            const { offices, shares, lease } = world;
            shares[dead] = new RateShare('dead', '', limit);
            offices[dead] = new ShareOffice({ ask: () => {}, give: () => {} }, { turnMs: () => world.nowMs } as never);
            world.dead.add(dead);
            lease.retire(dead);
            world.newWorker();
          }
        }
        const most = mostAtOnce(usedAtMs, limit.perMs);
        assert.ok(most <= limit.capacity + 1e-3, `seed ${seed}: ${most} at once, ${limit.capacity} allowed`);
      }
    });
  }
}

for (const requests of [1, 2, 3, 7, 60]) {
  for (const workers of [2, 3, 5]) {
    test(`all of ${requests} that are there are used by whoever of ${workers} workers wants them, however slowly more come`, () => {
      const limit = new RateLimit({ amount: requests, periodMs: 86_400_000 }, 86_400_000);
      for (let seed = 1; seed <= 40; seed++) {
        const random = new SeededRandom(seed);
        const world = worldOf(limit, workers);
        const wanting = Array.from({ length: workers }, (_, i) => i).filter(i => i === 0 || random.between(0, 1) === 0);
        let used = 0;
        for (let step = 0; step < 40_000 && used < requests; step++) {
          world.nowMs += random.between(0, 20);
          world.deliver(random.between(0, 2));
          if (random.between(0, 4) === 0) world.lease.look();
          if (use(world, wanting[random.between(0, wanting.length - 1)] as number)) used++;
        }
        assert.equal(used, requests, `seed ${seed}, ${wanting.length} workers want some`);
      }
    });
  }
}

test('one worker that asks alone gets all of the rate', () => {
  const limit = new RateLimit({ amount: 1000, periodMs: 1000 }, 100);
  const world = worldOf(limit, 4);
  world.deliver();
  let used = 0;
  for (; world.nowMs < 10_000; world.nowMs += 0.5) {
    if (use(world, 2)) used++;
    world.lease.look();
    world.deliver();
  }
  assert.ok(used > 9500, `${used} of 10000`);
});

test('workers that all want more than there is get alike, also of a rate that has fewer units than there are workers', () => {
  for (const rate of [
    { amount: 1000, periodMs: 1000 },
    { amount: 2, periodMs: 1000 },
  ]) {
    const world = worldOf(new RateLimit(rate, 500), 3);
    const used = [0, 0, 0];
    const untilMs = rate.amount > 10 ? 20_000 : 400_000;
    for (; world.nowMs < untilMs; world.nowMs += 0.5 * (1000 / rate.amount)) {
      for (let worker = 0; worker < 3; worker++) if (use(world, worker)) used[worker]!++;
      world.lease.look();
      world.deliver();
    }
    const all = used.reduce((sum, each) => sum + each, 0);
    assert.ok(all > 0.9 * (untilMs / rate.periodMs) * rate.amount, `${used} of ${rate.amount}/s`);
    for (const each of used) assert.ok(each > all / 6, `${used}`);
  }
});

test('what is used before it is there has to be made up for, also by who takes the share over', () => {
  const limit = new RateLimit({ amount: 1000, periodMs: 1000 }, 1000);
  const world = worldOf(limit, 1);
  world.deliver();
  const [share] = world.shares as [RateShare];
  assert.equal(share.has(0, 0), true);
  share.take(5000);
  assert.equal(share.has(0, 3999), false);
  assert.equal(share.msUntil(0, 3999) > 0, true);
  world.nowMs = 3999;
  world.offices[0]?.close(share);
  world.deliver();
  world.newWorker();
  world.deliver();
  assert.equal(world.shares[1]?.has(0, 3999), false);
  assert.equal(world.shares[1]?.has(0, 4001), true);
});

test('a debt goes to all who get some of the rate, in parts', () => {
  const limit = new RateLimit({ amount: 1000, periodMs: 1000 }, 1000);
  const world = worldOf(limit, 2);
  world.deliver();
  for (let worker = 0; worker < 2; worker++) {
    const share = world.shares[worker] as RateShare;
    share.take(3000);
    world.offices[worker]?.close(share);
  }
  world.deliver();
  for (let worker = 2; worker < 4; worker++) world.newWorker();
  world.deliver();
  const owed = [2, 3].map(worker => Math.round(world.shares[worker]?.available(0) ?? 0));
  assert.deepEqual(owed, [-2500, -2500]);
});

test('what can not be refused is over a burst in debt at once where little is left, and never where nobody knows', () => {
  const world = worldOf(new RateLimit({ amount: 1, periodMs: 1000 }, 1000), 2);
  world.deliver();
  const [has, hasNot] = world.shares.toSorted((a, b) => b.units - a.units) as [RateShare, RateShare];
  assert.deepEqual([has.units, hasNot.units], [1, 0]);
  assert.deepEqual([has.takeWithin(1), has.takeWithin(1)], [true, false]);
  assert.equal(hasNot.takeWithin(1), true);
  // Until it is as much less in debt as is to be taken, or has made up for all of it.
  assert.deepEqual([has.msUntilWithin(1, 0), has.msUntilWithin(0.5, 0), has.msUntilWithin(7, 0)], [1000, 500, 1000]);
});

test('messages owe no more than a burst', () => {
  const limit = new RateLimit({ amount: 1000, periodMs: 1000 }, 1000);
  const world = worldOf(limit, 1);
  world.deliver();
  const [share] = world.shares as [RateShare];
  for (let i = 0; i < 100; i++) share.takeWithin(500);
  assert.equal(share.has(0, 999), false);
  assert.equal(share.has(0, 1001), true);
});

test('a clock that stood still leaves no more than a burst', () => {
  const limit = new RateLimit({ amount: 10, periodMs: 1000 }, 1000);
  const world = worldOf(limit, 1);
  world.deliver();
  world.nowMs = 3_600_000;
  let used = 0;
  while (use(world, 0)) used++;
  assert.equal(used, 10);
});

test('a master that says nothing is waited for once; afterwards each worker takes its part by itself', async () => {
  const limit = new RateLimit({ amount: 100, periodMs: 1000 }, 1000);
  const given: (readonly [string, number])[] = [];
  const { promise: isLeased, resolve } = Promise.withResolvers<void>();
  const office = new ShareOffice({ ask: () => {}, give: (key, { units }) => given.push([key, units]) }, {
    turnMs: () => 0,
  } as never);
  office.workers = 2;
  const share = new RateShare('first', 'requests', limit);
  // Nobody else keeps the process alive.
  const timer = setInterval(() => {}, 1000);
  office.open(share, { onLeased: resolve });
  assert.equal(share.isKnown, false);
  await isLeased;
  clearInterval(timer);
  assert.equal(share.isKnown, true);
  assert.equal(share.units, limit.units / 2);
  const later = new RateShare('later', 'requests', limit);
  office.open(later, { onLeased: () => {} });
  assert.equal(later.isKnown, true);
  assert.equal(later.units, limit.units / 2);
  // What was taken without the master is no business of its, …
  office.recalled('later', 0);
  assert.deepEqual(given, [['later', 0]]);
  // … and gives way to what it says.
  office.granted('first', { units: 3, tokens: 1.5 });
  assert.equal(share.units, 3);
  assert.equal(share.available(0), 1.5);
  assert.equal(share.isProvisional, false);
});

test('a worker that has all and uses it up has to share with one that begins', () => {
  const world = worldOf(new RateLimit({ amount: 1000, periodMs: 1000 }, 100), 2);
  const used = [0, 0];
  for (; world.nowMs < 20_000; world.nowMs += 0.5) {
    for (const worker of world.nowMs < 5000 ? [0] : [0, 1]) {
      if (use(world, worker) && world.nowMs >= 6000) used[worker]!++;
    }
    world.lease.look();
    world.deliver();
  }
  const [first, second] = used as [number, number];
  assert.ok(first + second > 13_000, `${used} of 14000`);
  assert.ok(Math.abs(first - second) < 2000, `${used}`);
});

test('who needs it no more leaves it to others, though it stands in line itself', () => {
  const world = worldOf(new RateLimit({ amount: 1000, periodMs: 1000 }, 100), 2);
  let used = 0;
  for (; world.nowMs < 20_000; world.nowMs += 0.5) {
    if (world.nowMs < 10_000) use(world, 0);
    if (use(world, 1) && world.nowMs >= 11_000) used++;
    world.lease.look();
    world.deliver();
  }
  assert.ok(used > 8500, `${used} of 9000`);
});
