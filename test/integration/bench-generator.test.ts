import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import path from 'node:path';
import { test } from 'node:test';
import { fetchReply, SMALL } from '../../bench/load/data-set.ts';
import type { GeneratorJob, GeneratorResult } from '../../bench/load/generator-job.ts';
import { run } from '../support/child.ts';

const GENERATOR = path.join(import.meta.dirname, '../../bench/load/generator.ts');
const REPLY = fetchReply(SMALL, [0]);

test('at a fixed rate a stall is charged for every request that fell due meanwhile', async () => {
  const stallMs = 200;
  const { result, clientsOf } = await generate({ clients: 1, requests: 500, ratePerSecond: 1000 }, [
    number => (number === 250 ? stallMs : 0),
  ]);
  assert.deepEqual(clientsOf, [1]);
  assert.ok(result.seconds >= 0.499, `${result.seconds} s for 500 requests at 1,000 a second`);
  assert.ok(result.maxMs >= stallMs);
  // A client that waits for its reply before the next request falls due would see one slow request in 500.
  assert.ok(result.p99Ms >= stallMs / 2, `p99 ${result.p99Ms} ms`);
});

test('clients are spread over the ports, and as many requests as asked for are made', async () => {
  const instant = () => 0;
  const { clientsOf, requestsOf } = await generate({ clients: 250, requests: 3000, ratePerSecond: null }, [
    instant,
    instant,
  ]);
  assert.deepEqual(clientsOf, [125, 125]);
  assert.equal(requestsOf[0]! + requestsOf[1]!, 3000);
});

/** Runs the generator against servers that answer each request after so many milliseconds, given its number. */
async function generate(
  job: Pick<GeneratorJob, 'clients' | 'requests' | 'ratePerSecond'>,
  delays: readonly ((number: number) => number)[],
): Promise<{ result: GeneratorResult; clientsOf: number[]; requestsOf: number[] }> {
  const clientsOf = delays.map(() => 0);
  const requestsOf = delays.map(() => 0);
  const servers = delays.map((delayMs, i) =>
    createServer({ noDelay: true }, socket => {
      clientsOf[i]!++;
      socket.on('error', () => {});
      // One request of a hundred bytes is under way on a connection: it comes in one piece.
      socket.on('data', () => {
        const ms = delayMs(++requestsOf[i]!);
        if (ms === 0) socket.write(REPLY);
        else setTimeout(() => socket.write(REPLY), ms);
      });
    }),
  );
  try {
    for (const server of servers) await once(server.listen(0, '127.0.0.1'), 'listening');
    const ports = servers.map(server => (server.address() as AddressInfo).port);
    const whole: GeneratorJob = { ...job, ports, data: SMALL, keys: 1, isWrite: false };
    const { code, stdout, stderr } = await run(process.execPath, [GENERATOR, JSON.stringify(whole)]);
    assert.equal(code, 0, stderr);
    return { result: JSON.parse(stdout) as GeneratorResult, clientsOf, requestsOf };
  } finally {
    for (const server of servers) server.close();
  }
}
