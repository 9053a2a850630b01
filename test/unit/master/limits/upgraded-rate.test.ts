// A rate over several programs, each a master with its workers, of which one after the other takes the place of the one before it;
// with a clock that the test drives and messages that it delivers: what is used, by whomever and whenever, stays within the rate.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RateLease } from '../../../../src/master/limits/rate-lease.ts';
import type { LeasedShare } from '../../../../src/proxy/limits/leased-share.ts';
import { PendingShare } from '../../../../src/proxy/limits/pending-share.ts';
import { RateLimit, RateShare } from '../../../../src/proxy/limits/rate-share.ts';
import { ShareOffice } from '../../../../src/proxy/limits/share-office.ts';
import { mostAtOnce } from '../../../support/most-at-once.ts';
import { SeededRandom } from '../../../support/seeded-random.ts';

/** As in master/upgrade/upgrade.ts. */
const SUCCESSOR = -1;

interface Worker<S extends LeasedShare> {
  readonly share: S;
  readonly office: ShareOffice;
  isDead: boolean;
}

class World<S extends LeasedShare> {
  nowMs = 0;
  readonly programs: Program<S>[] = [];
  private readonly mail: (() => void)[] = [];
  readonly limit: LeasedShare['limit'];
  readonly newShare: () => S;

  constructor(limit: LeasedShare['limit'], newShare: () => S) {
    this.limit = limit;
    this.newShare = newShare;
  }

  post(act: () => void): void {
    this.mail.push(act);
  }

  deliver(count = Number.POSITIVE_INFINITY): void {
    for (let i = 0; i < count && this.mail.length > 0; i++) (this.mail.shift() as () => void)();
  }

  begin(workers: number): Program<S> {
    const program: Program<S> = new Program(this, this.programs.at(-1) ?? null, workers);
    this.programs.push(program);
    return program;
  }

  /** The programs that have not ended. */
  get running(): Program<S>[] {
    return this.programs.filter(({ hasEnded }) => !hasEnded);
  }
}

class Program<S extends LeasedShare> {
  readonly lease: RateLease;
  readonly workers: Worker<S>[] = [];
  hasEnded = false;
  private readonly world: World<S>;
  private next: Program<S> | null = null;

  constructor(world: World<S>, before: Program<S> | null, workers: number) {
    this.world = world;
    const source =
      before === null || before.hasEnded
        ? null
        : {
            ask: (units: number) => world.post(() => !before.hasEnded && before.lease.ask(SUCCESSOR, units, true)),
            give: (units: number, tokens: number, isAnswer: boolean) =>
              world.post(() => !before.hasEnded && before.lease.give(SUCCESSOR, units, tokens, isAnswer)),
          };
    if (before !== null) before.next = this;
    this.lease = new RateLease(
      world.limit,
      {
        grant: (worker, units, tokens) =>
          world.post(() => {
            if (worker === SUCCESSOR) this.next?.lease.lent(units, tokens);
            else this.workers[worker]?.office.granted('key', { units, tokens });
          }),
        recall: (worker, keep) => {
          if (worker === SUCCESSOR) world.post(() => this.next?.lease.recalled(keep));
          else if (this.workers[worker]?.isDead !== false) return false;
          else world.post(() => this.workers[worker]?.office.recalled('key', keep));
          return true;
        },
      },
      source,
      () => world.nowMs,
    );
    for (let i = 0; i < workers; i++) this.newWorker(workers);
  }

  private newWorker(of: number): void {
    const { world, lease } = this;
    const id = this.workers.length;
    const office = new ShareOffice(
      {
        ask: (_share, wants) => world.post(() => !worker.isDead && !this.hasEnded && lease.ask(id, wants)),
        give: (_key, { units, tokens }, isAnswer) =>
          world.post(() => !this.hasEnded && lease.give(id, units, tokens, isAnswer)),
      },
      { turnMs: () => world.nowMs } as never,
    );
    office.workers = of;
    const worker: Worker<S> = { share: world.newShare(), office, isDead: false };
    this.workers.push(worker);
    office.open(worker.share, { onLeased: () => {} });
  }

  /** Drained, or killed: then it gives nothing back. */
  endWorker(id: number, isKilled: boolean): void {
    const worker = this.workers[id] as Worker<S>;
    if (!isKilled) worker.office.close(worker.share);
    worker.isDead = true;
    this.world.post(() => this.lease.retire(id));
  }

  /** All its workers are gone. `isKilled`: it leaves no word. */
  end(isKilled: boolean): void {
    const { next, lease, world } = this;
    this.hasEnded = true;
    const tokens = lease.isUnused ? Number.POSITIVE_INFINITY : lease.left();
    world.post(() => next?.lease.loseSource(isKilled ? 0 : tokens));
  }

  get isDrained(): boolean {
    return this.workers.every(({ isDead }) => isDead);
  }
}

const RATES = [
  { amount: 1, periodMs: 10_000, burstMs: 1000 },
  { amount: 3, periodMs: 1000, burstMs: 1000 },
  { amount: 100, periodMs: 1000, burstMs: 300 },
  { amount: 5000, periodMs: 1000, burstMs: 1000 },
];

for (const rate of RATES) {
  for (const workers of [1, 3]) {
    test(`${rate.amount} in ${rate.periodMs} ms over programs of ${workers} workers that follow each other is never exceeded`, () => {
      const limit = new RateLimit(rate, rate.burstMs);
      for (let seed = 1; seed <= 30; seed++) {
        const random = new SeededRandom(seed);
        const world = new World(limit, () => new RateShare('key', 'requests', limit));
        world.begin(workers);
        const usedAtMs: number[] = [];
        const stepMs = Math.max(0.05, Math.min(50, 0.2 / limit.perMs));
        for (let step = 0; step < 3000; step++) {
          if (random.between(0, 3) > 0) world.nowMs += stepMs * random.between(0, 3);
          world.deliver(random.between(0, 3));
          const { running } = world;
          if (random.between(0, 9) === 0) for (const { lease } of running) lease.look();
          if (random.between(1, 400) === 1 && running.length < 3) world.begin(workers);
          // Any of them is asked while it lasts: the old ones have clients that they have yet to answer.
          const program = running[random.between(0, running.length - 1)] as Program<RateShare>;
          const id = random.between(0, workers - 1);
          const { share, office, isDead } = program.workers[id] as Worker<RateShare>;
          if (isDead) {
            if (program.isDrained && program === running[0]) program.end(random.between(0, 3) === 0);
          } else if (share.has(1, world.nowMs)) {
            share.take(1);
            usedAtMs.push(world.nowMs);
          } else office.askForMore(share, world.nowMs);
          // The last one stays.
          const old = running[random.between(0, running.length - 1)] as Program<RateShare>;
          if (old !== running.at(-1) && random.between(1, 60) === 1) {
            const which = random.between(0, workers - 1);
            if (!(old.workers[which] as Worker<RateShare>).isDead) old.endWorker(which, random.between(0, 4) === 0);
          }
        }
        assert.ok(world.programs.length > 2, `seed ${seed}: no upgrades`);
        const most = mostAtOnce(usedAtMs, limit.perMs);
        assert.ok(most <= limit.capacity + 1e-3, `seed ${seed}: ${most} at once, ${limit.capacity} allowed`);
      }
    });
  }
}

test('what is left of a burst passes over to the program that follows, all of it, however slowly more comes', () => {
  for (const requests of [1, 2, 7, 60]) {
    const limit = new RateLimit({ amount: requests, periodMs: 86_400_000 }, 86_400_000);
    for (let seed = 1; seed <= 30; seed++) {
      const random = new SeededRandom(seed);
      const world = new World(limit, () => new RateShare('key', 'requests', limit));
      const first = world.begin(2);
      let used = 0;
      const use = ({ workers }: Program<RateShare>, most: number) => {
        const from = used;
        for (let step = 0; step < 20_000 && used < from + most; step++) {
          world.nowMs += random.between(0, 20);
          world.deliver(random.between(0, 2));
          if (random.between(0, 4) === 0) for (const { lease } of world.running) lease.look();
          const { share, office } = workers[random.between(0, 1)] as Worker<RateShare>;
          if (share.has(1, world.nowMs)) {
            share.take(1);
            used++;
          } else office.askForMore(share, world.nowMs);
        }
      };
      use(first, random.between(0, requests));
      const second = world.begin(2);
      use(second, random.between(0, requests - used));
      if (random.between(0, 1) === 0) {
        // What is on its way to who has ended is lost.
        world.deliver();
        for (const id of [0, 1]) first.endWorker(id, false);
        world.deliver();
        first.end(false);
      }
      use(second, requests);
      assert.equal(used, requests, `seed ${seed}`);
    }
  }
});

test('no more requests are without an answer than may be, over all programs', () => {
  for (let seed = 1; seed <= 40; seed++) {
    const random = new SeededRandom(seed);
    const places = random.between(1, 12);
    const world = new World(new PendingShare('key', places).limit, () => new PendingShare('key', places));
    world.begin(2);
    const pending = new Map<Worker<PendingShare>, number>();
    for (let step = 0; step < 4000; step++) {
      world.nowMs += random.between(0, 10);
      world.deliver(random.between(0, 3));
      const { running } = world;
      if (random.between(0, 9) === 0) for (const { lease } of running) lease.look();
      if (random.between(1, 500) === 1 && running.length < 3) world.begin(2);
      const program = running[random.between(0, running.length - 1)] as Program<PendingShare>;
      const id = random.between(0, 1);
      const worker = program.workers[id] as Worker<PendingShare>;
      const { share, office, isDead } = worker;
      const own = pending.get(worker) ?? 0;
      const isOld = program !== running.at(-1);
      if (isDead) {
        if (program.isDrained && program === running[0]) program.end(false);
      } else if (own > 0 && random.between(0, 2) === 0) {
        share.put(1);
        pending.set(worker, own - 1);
        if (share.isOwing) office.gaveLate(share, share.giveOwed(world.nowMs));
      } else if (!isOld && share.has(1, world.nowMs)) {
        share.take();
        pending.set(worker, own + 1);
      } else if (!isOld) office.askForMore(share, world.nowMs);
      else if (own === 0 && random.between(0, 5) === 0) program.endWorker(id, false);
      let all = 0;
      for (const count of pending.values()) all += count;
      assert.ok(all <= places, `seed ${seed}: ${all} of ${places}`);
    }
    assert.ok(world.programs.length > 2);
  }
});

test('of a master before it that says nothing, the one after it does not wait for more than the workers that it can hear', () => {
  const limit = new RateLimit({ amount: 100, periodMs: 1000 }, 1000);
  let nowMs = 0;
  const said: string[] = [];
  const middle = new RateLease(
    limit,
    { grant: (worker, units) => said.push(`${units} to ${worker}`), recall: () => true },
    { ask: units => said.push(`asks for ${units}`), give: units => said.push(`gives ${units}`) },
    () => nowMs,
  );
  middle.ask(1, 4);
  middle.ask(SUCCESSOR, 8, true);
  assert.deepEqual(said.splice(0), ['asks for 4']);
  nowMs = 300;
  middle.look();
  assert.deepEqual(said.splice(0), [`0 to ${SUCCESSOR}`]);
  assert.equal(middle.sourceSilentMs(), 300);
  middle.lent(4, 1);
  assert.deepEqual(said.splice(0), ['4 to 1', `asks for 8`]);
  // Whoever waits hears that there is none for now; the source is asked again a while later.
  middle.ask(2, 1);
  middle.lent(0, 0);
  assert.deepEqual(said.splice(0), ['0 to 2']);
  nowMs = 400;
  middle.look();
  assert.deepEqual(said.splice(0), ['asks for 9']);
  middle.loseSource(0);
  assert.deepEqual(said.splice(0), [`8 to ${SUCCESSOR}`, '1 to 2']);
  // It is no business of its any more.
  middle.lent(5, 5);
  middle.recalled(0);
  assert.deepEqual(said.splice(0), []);
});
