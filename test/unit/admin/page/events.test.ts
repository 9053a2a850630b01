import assert from 'node:assert/strict';
import { test } from 'node:test';

interface Told {
  readonly id: number;
}

interface EventsOfPage {
  add(event: Told): void;
  askAll(): Promise<void>;
  askAgain(): Promise<void>;
}

/** The page's list of events, with the answers to its questions in the test's hand. */
async function start() {
  const url = new URL('../../../../src/admin/page/events.js', import.meta.url).href;
  const { eventsOf } = (await import(url)) as { eventsOf(ask: unknown, show: (events: Told[]) => void): EventsOfPage };
  const asked: ((answer: { events: Told[] } | null) => void)[] = [];
  const ask = () => new Promise(resolve => void asked.push(resolve));
  let shown: readonly number[] = [];
  const events = eventsOf(ask, all => {
    shown = all.map(({ id }) => id);
  });
  return { events, asked, shown: () => shown };
}

const answerOf = (...ids: number[]) => ({ events: ids.map(id => ({ id })) });

test('what is told while all are asked for is not lost by the answer, and is there once', async () => {
  const { events, asked, shown } = await start();
  const done = events.askAll();
  events.add({ id: 3 });
  events.add({ id: 4 });
  assert.deepEqual(shown(), [4, 3]);
  asked[0]!(answerOf(3, 2, 1));
  await done;
  assert.deepEqual(shown(), [4, 3, 2, 1]);
  events.add({ id: 5 });
  assert.deepEqual(shown(), [5, 4, 3, 2, 1]);
});

test('the answer of a daemon that is gone is not taken for that of the next one, whose events begin anew', async () => {
  const { events, asked, shown } = await start();
  const before = events.askAll();
  events.add({ id: 9 });
  const after = events.askAll();
  asked[1]!(answerOf(1));
  await after;
  asked[0]!(answerOf(9, 8, 7));
  await before;
  assert.deepEqual(shown(), [1]);
});

test('where no answer came it is asked again, and only there', async () => {
  const { events, asked, shown } = await start();
  await events.askAgain();
  assert.equal(asked.length, 0);
  const failed = events.askAll();
  asked[0]!(null);
  await failed;
  const again = events.askAgain();
  events.add({ id: 2 });
  asked[1]!(answerOf(1));
  await again;
  assert.deepEqual(shown(), [2, 1]);
  await events.askAgain();
  assert.equal(asked.length, 2);
});

test('fifty are shown', async () => {
  const { events, shown } = await start();
  for (let id = 1; id <= 60; id++) events.add({ id });
  assert.equal(shown().length, 50);
  assert.equal(shown()[0], 60);
});
