import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ClientSearch, sortClients } from '../../../../src/figures/client-row.ts';
import { redisProtocol } from '../../../../src/protocol/redis/redis.ts';
import type { ListedClient } from '../../../../src/proxy/client/client-roll.ts';
import { searchClients } from '../../../../src/proxy/client/client-search.ts';
import { SeededRandom } from '../../../support/seeded-random.ts';

const ALL: ClientSearch = {
  id: null,
  pool: null,
  address: null,
  name: null,
  user: null,
  database: null,
  sort: 'requests',
  limit: 10,
  isCut: false,
};

function fakeClient(id: number, requests: number, killed: number[] = []): ListedClient {
  return {
    session: redisProtocol.createSession(id),
    address: `10.0.0.${id}:1`,
    state: () => ({ idleMs: 0, isBlocked: false, command: '', unsentBytes: 0, memoryBytes: 0 }),
    figures: () => ({ ageMs: 0, idleMs: 0, pendingRequests: 0, pendingBytes: 0, requests, isLimited: false }),
    kill: () => void killed.push(id),
    unblock: () => {},
  };
}

test('the first of a list are those that a sort of all of it has first, whatever is equal', () => {
  const random = new SeededRandom(7);
  for (let round = 0; round < 200; round++) {
    const count = random.between(0, 40);
    const values = Array.from({ length: count }, () => random.between(0, 5));
    const clients = random.sample(
      values.map((requests, i) => fakeClient(i + 1, requests)),
      count,
    );
    const limit = random.between(0, 45);
    const { rows, total } = searchClients(new Map([['p', clients]]), { ...ALL, limit }, 0);
    const wanted = values.map((requests, i) => ({ requests, id: i + 1 }));
    wanted.sort((a, b) => b.requests - a.requests || a.id - b.id);
    assert.deepEqual(
      sortClients(rows, 'requests').map(({ id }) => id),
      wanted.slice(0, limit).map(({ id }) => id),
    );
    assert.equal(total, count);
  }
});

test('those that are found are cut off, and no others', () => {
  const killed: number[] = [];
  const pools = new Map([
    ['p', [fakeClient(1, 1, killed), fakeClient(2, 1, killed)]],
    ['q', [fakeClient(3, 1, killed)]],
  ]);
  assert.equal(searchClients(pools, { ...ALL, id: 2 }, 0).rows[0]!.address, '10.0.0.2:1');
  assert.deepEqual(killed, []);
  assert.equal(searchClients(pools, { ...ALL, id: 2, isCut: true }, 0).total, 1);
  assert.deepEqual(killed, [2]);
  assert.equal(searchClients(pools, { ...ALL, pool: 'p', id: 3, isCut: true }, 0).total, 0);
});
