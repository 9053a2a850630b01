import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LimitedClient, WaitingClients } from '../../../../src/proxy/limits/waiting-clients.ts';

/** Clients that would have so many requests let through at once, and the order they were woken in. */
function waiting(...requests: readonly number[]) {
  const woken: number[] = [];
  const clients = requests.map((count, at) => {
    const client = new LimitedClient(() => woken.push(at));
    client.wants(count, null, 1);
    client.isWaiting = true;
    return client;
  });
  const line = new WaitingClients();
  for (const client of clients) line.add(client);
  return { line, clients, woken };
}

test('each has a part of what there is, in the order they came', () => {
  const { line, clients, woken } = waiting(1, 1, 1);
  assert.equal(
    line.serve(7, () => true),
    3,
  );
  assert.deepEqual(woken, [0, 1, 2]);
  assert.deepEqual(
    clients.map(({ allowance }) => allowance),
    [2, 2, 2],
  );
});

test('what is left of a rate, but is no whole request, costs nobody its turn', () => {
  const { line, clients, woken } = waiting(1, 1, 1);
  for (let turn = 0; turn < 6; turn++) {
    line.serve(1.05, () => true);
    const served = clients[woken.at(-1) as number] as LimitedClient;
    // It asks again at once.
    served.isWaiting = true;
    line.add(served);
  }
  assert.deepEqual(woken, [0, 1, 2, 0, 1, 2]);
});

test('who would have more at once than those before it leave saves up for it', () => {
  const { line, clients, woken } = waiting(1, 1, 5, 1);
  assert.equal(
    line.serve(6, () => true),
    2,
  );
  assert.deepEqual(woken, [0, 1]);
  assert.equal(line.first, clients[2]);
  assert.ok(line.isSaving);
});

test('who would have several at once takes as many off what is left', () => {
  const { line, clients, woken } = waiting(5, 1, 1);
  assert.equal(
    line.serve(6, ({ requests }) => requests <= 6),
    2,
  );
  assert.deepEqual(woken, [0, 1]);
  assert.equal(clients[0]?.allowance, 5);
  assert.equal(line.first, clients[2]);
});

test('nobody behind one that saves up goes on, whoever stands before it does', () => {
  const { line, clients, woken } = waiting(1, 5, 1, 1);
  const isOpen = ({ requests }: LimitedClient) => requests <= 3;
  assert.equal(line.serve(3, isOpen), 1);
  assert.deepEqual(woken, [0]);
  assert.ok(line.isSaving);
  assert.equal(line.serve(3, isOpen), 0);
  assert.deepEqual([line.shift(), line.shift(), line.shift()], [clients[1], clients[2], clients[3]]);
});

test('who is gone is let go without taking anything, also behind one that saves up', () => {
  const { line, clients, woken } = waiting(5, 1, 1);
  (clients[1] as LimitedClient).isGone = true;
  assert.equal(
    line.serve(1, ({ requests }) => requests === 1),
    1,
  );
  assert.deepEqual(woken, [1]);
  assert.equal(line.length, 2);
});
