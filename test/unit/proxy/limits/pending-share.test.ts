// Requests that are not answered, over several workers and the master that leases the places for them: with a clock that the
// test drives and messages that it delivers.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RateLease } from '../../../../src/master/limits/rate-lease.ts';
import { PendingShare } from '../../../../src/proxy/limits/pending-share.ts';
import { ShareOffice } from '../../../../src/proxy/limits/share-office.ts';
import { SeededRandom } from '../../../support/seeded-random.ts';

interface Worker {
  readonly share: PendingShare;
  readonly office: ShareOffice;
  isDead: boolean;
  used: number;
}

class World {
  nowMs = 0;
  readonly workers: Worker[] = [];
  readonly lease: RateLease;
  private readonly mail: (() => void)[] = [];
  private readonly limit: number;
  private readonly parts: number;

  constructor(limit: number, workers: number) {
    this.limit = limit;
    this.parts = workers;
    this.lease = new RateLease(
      new PendingShare('key', limit).limit,
      {
        grant: (worker, units, tokens) =>
          this.mail.push(() => this.workers[worker]?.office.granted('key', { units, tokens })),
        recall: (worker, keep) =>
          this.workers[worker]?.isDead === false &&
          this.mail.push(() => this.workers[worker]?.office.recalled('key', keep)) > 0,
      },
      null,
      () => this.nowMs,
    );
    for (let i = 0; i < workers; i++) this.begin();
  }

  begin(): void {
    const id = this.workers.length;
    const isAlive = () => this.workers[id]?.isDead === false;
    const office = new ShareOffice(
      {
        ask: (_share, wants) => this.mail.push(() => isAlive() && this.lease.ask(id, wants)),
        give: (_key, { units, tokens }, isAnswer) =>
          this.mail.push(() => isAlive() && this.lease.give(id, units, tokens, isAnswer)),
      },
      { turnMs: () => this.nowMs } as never,
    );
    office.workers = this.parts;
    const share = new PendingShare('key', this.limit);
    this.workers.push({ share, office, isDead: false, used: 0 });
    office.open(share, { onLeased: () => {} });
  }

  die(id: number): void {
    const worker = this.workers[id] as Worker;
    worker.isDead = true;
    worker.used = 0;
    this.lease.retire(id);
  }

  deliver(count = Number.POSITIVE_INFINITY): void {
    for (let i = 0; i < count && this.mail.length > 0; i++) (this.mail.shift() as () => void)();
  }

  /** A request of that worker goes on, if it may. */
  ask({ share, office }: Worker, worker: Worker): boolean {
    if (share.has(1, this.nowMs)) {
      share.take();
      worker.used++;
      return true;
    }
    office.askForMore(share, this.nowMs);
    return false;
  }

  answer(worker: Worker): void {
    worker.used--;
    worker.share.put(1);
    worker.office.gaveLate(worker.share, worker.share.giveOwed(this.nowMs));
  }

  get used(): number {
    return this.workers.reduce((sum, { used }) => sum + used, 0);
  }
}

for (const limit of [1, 2, 7, 100]) {
  for (const count of [1, 2, 5]) {
    test(`no more than ${limit} are pending over ${count} workers, whoever asks, answers and dies`, () => {
      for (let seed = 1; seed <= 10; seed++) {
        const random = new SeededRandom(seed);
        const world = new World(limit, count);
        let most = 0;
        for (let step = 0; step < 4000; step++) {
          world.nowMs += random.between(0, 20);
          world.deliver(random.between(0, 2));
          if (random.between(0, 4) === 0) world.lease.look();
          const live = world.workers.filter(({ isDead }) => !isDead);
          const worker = live[random.between(0, live.length - 1)] as Worker;
          if (random.between(0, 2) > 0) world.ask(worker, worker);
          else if (worker.used > 0) world.answer(worker);
          if (random.between(1, 1000) === 1) {
            world.die(world.workers.indexOf(worker));
            world.begin();
          }
          assert.ok(world.used <= limit, `seed ${seed}, step ${step}: ${world.used} are pending`);
          most = Math.max(most, world.used);
        }
        assert.equal(most, limit, 'all places were used');
        // Once nobody needs any, one has them all.
        for (const worker of world.workers) while (worker.used > 0) world.answer(worker);
        const [last] = world.workers.filter(({ isDead }) => !isDead) as [Worker];
        for (let i = 0; i < 100 && last.used < limit; i++) {
          world.nowMs += 250;
          while (world.ask(last, last));
          world.lease.look();
          world.deliver();
        }
        assert.equal(last.used, limit, `seed ${seed}: the last one gets all`);
      }
    });
  }
}

test('a worker that floods has to share with one that has just begun, at once and by halves', () => {
  const world = new World(100, 2);
  world.deliver();
  const [one, two] = world.workers as [Worker, Worker];
  const flood = (worker: Worker) => {
    while (world.ask(worker, worker));
  };
  const round = () => {
    world.nowMs += 5;
    for (const worker of [one, two]) for (let i = 0; i < 5 && worker.used > 0; i++) world.answer(worker);
    world.lease.look();
    world.deliver();
  };
  for (let i = 0; i < 400; i++) {
    flood(one);
    round();
  }
  assert.ok(one.used > 90, `${one.used}`);
  for (let i = 0; i < 400; i++) {
    flood(one);
    flood(two);
    round();
  }
  assert.ok(Math.abs(one.used - two.used) <= 10, `${one.used} and ${two.used}`);
});

test('one place goes round', () => {
  const world = new World(1, 3);
  const served = [0, 0, 0];
  for (let i = 0; i < 3000; i++) {
    world.nowMs += 5;
    for (const [at, worker] of world.workers.entries()) {
      if (worker.used > 0) world.answer(worker);
      if (world.ask(worker, worker)) served[at]!++;
    }
    world.lease.look();
    world.deliver();
  }
  for (const count of served) assert.ok(count > 300, `${served}`);
});

test('a worker that gets nothing, because all are in use, hears so, and does not guess', () => {
  const world = new World(2, 2);
  world.deliver();
  const [one, two] = world.workers as [Worker, Worker];
  world.nowMs += 2000;
  world.lease.look();
  while (world.ask(one, one));
  for (let i = 0; i < 20; i++) {
    world.nowMs += 250;
    while (world.ask(one, one));
    world.lease.look();
    world.deliver();
  }
  assert.equal(one.used, 2);
  world.begin();
  const three = world.workers[2] as Worker;
  for (let i = 0; i < 20; i++) {
    world.nowMs += 250;
    world.lease.look();
    world.deliver();
  }
  assert.equal(three.share.isKnown, true);
  assert.equal(world.ask(three, three), false);
  assert.equal(two.used, 0);
});

test('who owes more than is free gives that after a while, though it is asked again and again', () => {
  const share = new PendingShare('key', 3);
  share.lease({ units: 3, tokens: 3 }, 0);
  share.take();
  share.take();
  assert.equal(share.giveDownTo(1, 50).units, 0);
  assert.equal(share.giveDownTo(1, 100).units, 0);
  assert.equal(share.giveDownTo(1, 150).units, 1);
  assert.equal(share.giveDownTo(1, 300).units, 0);
  share.put(1);
  assert.equal(share.giveDownTo(1, 350).units, 1);
  assert.equal(share.units, 1);
});
