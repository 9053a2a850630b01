import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Clock } from '../../../../src/loop/clock.ts';
import { ClientDrain, type LeavingClient } from '../../../../src/proxy/client/client-drain.ts';

class Client implements LeavingClient {
  connectedAtMs = 0;
  isSilent = false;
  isOwed = false;
  /** When it last sent something. */
  activeAtMs = 0;
  leftAtMs: number | null = null;
  drainedAtMs: number | null = null;
  nowMs: () => number = () => 0;

  isQuiet(sinceMs: number): boolean {
    return !this.isOwed && this.activeAtMs <= sinceMs;
  }

  leaveWhenAnswered(): void {
    this.leftAtMs ??= this.nowMs();
  }

  drain(): void {
    this.drainedAtMs ??= this.nowMs();
  }
}

/** Lets `client` be for so long, and what it does in each step. */
function drained(t: TestContext, client: Client, forMs: number, act: (nowMs: number) => void = () => {}): Client {
  t.mock.timers.enable({ apis: ['setInterval', 'setImmediate'] });
  let nowMs = 0;
  client.nowMs = () => nowMs;
  const drain = new ClientDrain([client], { refresh: () => nowMs } as unknown as Clock);
  while (nowMs < forMs) {
    nowMs += 25;
    act(nowMs);
    t.mock.timers.tick(25);
  }
  drain.stop();
  t.mock.timers.tick(10_000);
  return client;
}

test('a client that has its answers goes when it has been silent for a moment', t => {
  const { drainedAtMs, leftAtMs } = drained(t, new Client(), 3000);
  assert.deepEqual([drainedAtMs, leftAtMs], [100, null]);
});

test('one that has only just connected has longer to say its first word', t => {
  const client = new Client();
  client.isSilent = true;
  assert.deepEqual(drained(t, client, 3000).drainedAtMs, 1000);
});

test('… and goes as all others once it has', t => {
  const client = new Client();
  client.isSilent = true;
  const spoke = drained(t, client, 3000, nowMs => {
    if (nowMs !== 500) return;
    client.isSilent = false;
    client.activeAtMs = nowMs;
  });
  assert.equal(spoke.drainedAtMs, 600);
});

test('one that talks on goes with an answer after a second, and in any case after two', t => {
  const client = new Client();
  const talking = drained(t, client, 3000, nowMs => {
    client.activeAtMs = nowMs;
  });
  assert.deepEqual([talking.leftAtMs, talking.drainedAtMs], [1000, 2000]);
});

test('one that waits for an answer is not taken for silent', t => {
  const client = new Client();
  client.isOwed = true;
  const { leftAtMs, drainedAtMs } = drained(t, client, 1500);
  assert.deepEqual([leftAtMs, drainedAtMs], [1000, null]);
});

test('stopped, it lets nobody go', t => {
  assert.equal(drained(t, new Client(), 50).drainedAtMs, null);
});

test('one that is only let in while it drains has as long from then on', t => {
  const client = new Client();
  client.connectedAtMs = 5000;
  client.activeAtMs = 5000;
  client.isSilent = true;
  assert.equal(drained(t, client, 8000).drainedAtMs, 6000);
});
