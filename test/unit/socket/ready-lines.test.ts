import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type LineTarget, ReadyLine, ReadyLines } from '../../../src/socket/ready-lines.ts';

const onError = (error: unknown) => assert.fail(String(error));

/** Sockets that take `costMs` to be told, on a clock of their own. */
function worldOf() {
  const clock = { nowMs: 0 };
  const told: string[] = [];
  const lines = new ReadyLines(() => clock.nowMs);
  const world = { clock, told, lines };
  const socket = (name: string, costMs: number): LineTarget => ({
    readyEvents: 0,
    onReady() {
      clock.nowMs += costMs;
      told.push(name);
    },
  });
  const serveAll = () => {
    let rounds = 0;
    for (; lines.isAny; rounds++) lines.serve(onError);
    return rounds;
  };
  return { world, socket, serveAll };
}

test('a tenant with many sockets costs one with a single one no more than a turn', () => {
  const { world, socket, serveAll } = worldOf();
  const { lines } = world;
  const [many, one] = [new ReadyLine(), new ReadyLine()];
  for (let i = 0; i < 500; i++) lines.add(many, socket('many', 0.01), 1);
  lines.add(one, socket('one', 0.01), 1);
  lines.serve(onError);
  assert.ok(world.told.indexOf('one') <= 11, `${world.told.indexOf('one')} before it`);
  assert.ok(world.clock.nowMs < 0.6, 'a round is over in time');
  assert.ok(serveAll() > 5);
  assert.equal(world.told.length, 501);
});

test('who asks one thing at a time comes before those in whose line somebody waits always', () => {
  const { world, socket } = worldOf();
  const { lines } = world;
  const [many, one, other] = [new ReadyLine(), new ReadyLine(), new ReadyLine()];
  for (let i = 0; i < 5000; i++) lines.add(i % 2 === 0 ? many : other, socket('many', 0.01), 1);
  lines.serve(onError);
  for (let i = 0; i < 100; i++) {
    const from = world.told.length;
    lines.add(one, socket('one', 0.01), 1);
    // A turn may not be over yet.
    lines.serve(onError);
    assert.ok(world.told.indexOf('one', from) - from <= 5, `${world.told.indexOf('one', from) - from} before it`);
  }
});

test('who asks again and again has not more than its part because nobody of it waits', () => {
  const { world, socket } = worldOf();
  const { lines } = world;
  const [many, one] = [new ReadyLine(), new ReadyLine()];
  const again = socket('one', 0.04);
  for (let i = 0; i < 100_000; i++) lines.add(many, socket('many', 0.01), 1);
  const { onReady } = again;
  again.onReady = events => {
    onReady(events);
    lines.add(one, again, 1);
  };
  lines.add(one, again, 1);
  for (let i = 0; i < 2000; i++) lines.serve(onError);
  const share = (world.told.filter(name => name === 'one').length * 0.04) / world.clock.nowMs;
  assert.ok(share > 0.4 && share < 0.6, `${share}`);
});

test('who is there anew in every round has its part and no more', () => {
  const { world, socket } = worldOf();
  const { lines } = world;
  const [many, one] = [new ReadyLine(), new ReadyLine()];
  for (let i = 0; i < 100_000; i++) lines.add(many, socket('many', 0.01), 1);
  // It is there in every round, and never waits long.
  for (let i = 0; i < 2000; i++) {
    for (let j = 0; j < 8; j++) lines.add(one, socket('one', 0.01), 1);
    lines.serve(onError);
  }
  const share = world.told.filter(name => name === 'one').length / world.told.length;
  assert.ok(share > 0.4 && share < 0.6, `${share}`);
});

test('two that always have to do have the same time, however dear what one asks is', () => {
  const { world, socket } = worldOf();
  const { lines } = world;
  const [dear, cheap] = [new ReadyLine(), new ReadyLine()];
  const a = socket('dear', 2);
  const many = Array.from({ length: 500 }, () => socket('cheap', 0.01));
  for (let i = 0; i < 5000; i++) {
    if (a.readyEvents === 0) lines.add(dear, a, 1);
    for (const each of many) if (each.readyEvents === 0) lines.add(cheap, each, 1);
    lines.serve(onError);
  }
  const dearMs = world.told.filter(name => name === 'dear').length * 2;
  const share = dearMs / world.clock.nowMs;
  assert.ok(share > 0.45 && share < 0.55, `${share}`);
});

test('what a socket is told is all that it became ready for, once', () => {
  const { lines } = worldOf().world;
  const line = new ReadyLine();
  const told: number[] = [];
  const target = { readyEvents: 0, onReady: (events: number) => told.push(events) };
  lines.add(line, target, 1);
  lines.add(line, target, 4);
  lines.serve(onError);
  assert.deepEqual(told, [5]);
  assert.equal(lines.isAny, false);
});

test('one that throws does not keep the others from their turn', () => {
  const { world, socket } = worldOf();
  const { lines } = world;
  const line = new ReadyLine();
  const errors: unknown[] = [];
  lines.add(line, { readyEvents: 0, onReady: () => assert.fail('oh') }, 1);
  lines.add(line, socket('next', 0.01), 1);
  lines.serve(error => errors.push(error));
  assert.equal(errors.length, 1);
  assert.deepEqual(world.told, ['next']);
});

test('tenants are several when sockets of two are there, ready or not', () => {
  const lines = new ReadyLines();
  const [a, b] = [new ReadyLine(), new ReadyLine()];
  lines.move(null, a);
  lines.move(null, a);
  assert.equal(lines.areSeveral, false);
  lines.move(null, b);
  assert.equal(lines.areSeveral, true);
  lines.move(a, null);
  assert.equal(lines.areSeveral, true);
  lines.move(a, null);
  assert.equal(lines.areSeveral, false);
});
