import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { freePort } from '../support/free-port.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { type Ringmaster, startRingmaster } from '../support/ringmaster.ts';
import { waitForEvent } from '../support/wait-for.ts';

const ROUNDS = 100;

let redis: RedisServer;
let ringmaster: Ringmaster;
let port: number;

before(async () => {
  redis = await startRedis();
  port = await freePort();
  const config = `
workers: 1
admin: false
pools:
  stall: { listen: "127.0.0.1:${port}", protocol: redis, servers: ["127.0.0.1:${redis.port}"] }
`;
  ringmaster = await startRingmaster({ config });
});

after(async () => {
  await ringmaster?.stop();
  await redis?.stop();
});

/**
 * What a round takes, in ms, the quicker quarter of all, for a client with Nagle on that writes each request in two pieces: a stall
 * is in each but the first, and what else holds a busy machine up is not.
 */
async function twoPieceRound(to: number): Promise<number> {
  const socket = connect({ host: '127.0.0.1', port: to, noDelay: false });
  await waitForEvent(socket, 'connect', { what: 'the connection' });
  const tookMs: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const startedAtMs = performance.now();
    const reply = waitForEvent(socket, 'data', { what: 'the reply' });
    socket.write('*3\r\n$3\r\nSET\r\n$1\r\nk');
    await new Promise(resolve => setImmediate(resolve));
    socket.write('\r\n$1\r\nv\r\n');
    await reply;
    tookMs.push(performance.now() - startedAtMs);
  }
  socket.destroy();
  return tookMs.sort((a, b) => a - b)[ROUNDS / 4] as number;
}

test('a request written in two pieces does not wait for a delayed ACK', async t => {
  // Redis itself leaves the ACK to the kernel and shows what the stall costs on this machine.
  const directMs = await twoPieceRound(redis.port);
  const proxiedMs = await twoPieceRound(port);
  t.diagnostic(`a round: direct ${directMs.toFixed(1)} ms, through Ringmaster ${proxiedMs.toFixed(1)} ms`);
  assert.ok(directMs > 30, `the stall does not show here: ${directMs} ms`);
  assert.ok(proxiedMs < 30, `${proxiedMs} ms through Ringmaster, ${directMs} ms direct`);
});
