import assert from 'node:assert/strict';
import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { temporaryDirectory } from '../support/child.ts';
import { answering, startFakeBackend } from '../support/fake-backend.ts';
import { freePort } from '../support/free-port.ts';
import { RawClient } from '../support/raw-client.ts';
import { redisRequest } from '../support/request-splitter.ts';
import { startRingmaster } from '../support/ringmaster.ts';

const POOLS = 4;
const CLIENTS_PER_POOL = 6;

test('clients reach each pool on its unix socket, in whichever worker', async t => {
  const directory = temporaryDirectory('unix');
  const socketOf = (pool: number) => path.join(directory, `${pool}.sock`);
  const texts: string[] = [];
  for (let pool = 0; pool < POOLS; pool++) {
    const backend = await startFakeBackend(answering(redisRequest, () => `+pool ${pool}\r\n`));
    t.after(() => backend.close());
    texts.push(`pool${pool}:\n  listen: ${socketOf(pool)} 0660\n  redis: true\n`);
    texts.push(`  servers:\n    - 127.0.0.1:${backend.port}:1\n`);
  }
  const stats = String(await freePort());
  const ringmaster = await startRingmaster({
    config: texts.join(''),
    workers: 2,
    args: ['-a', '127.0.0.1', '-s', stats],
  });
  t.after(() => ringmaster.kill());

  for (let pool = 0; pool < POOLS; pool++) {
    assert.equal(statSync(socketOf(pool)).mode & 0o777, 0o660);
    const clients = await Promise.all(
      Array.from({ length: CLIENTS_PER_POOL }, () => RawClient.connect(socketOf(pool))),
    );
    for (const client of clients) assert.equal(await client.command('GET', 'k'), `pool ${pool}`);
    for (const client of clients) client.destroy();
  }
  await ringmaster.stop();
  for (let pool = 0; pool < POOLS; pool++) assert.equal(existsSync(socketOf(pool)), false, 'the socket went too');
});
