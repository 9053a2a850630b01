// A configuration of thousands of servers, which reaches the workers in parts: they serve by it, before and after a reload.
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { postAdmin } from '../support/admin-client.ts';
import { temporaryDirectory } from '../support/child.ts';
import { freePort } from '../support/free-port.ts';
import { RawClient } from '../support/raw-client.ts';
import { startRingmaster } from '../support/ringmaster.ts';

const POOLS = 60;
const SERVERS = 50;

test('clients are served while a reload changes nothing, one pool of many, or everything', async t => {
  const directory = temporaryDirectory('many');
  const adminPort = await freePort();
  const config = (weightOf: (pool: number) => number) => {
    let text = `admin: 127.0.0.1:${adminPort}\npools:\n`;
    for (let pool = 0; pool < POOLS; pool++) {
      text += `  p${pool}:\n    listen: ${path.join(directory, `${pool}.sock`)}\n    protocol: redis\n    servers:\n`;
      for (let server = 0; server < SERVERS; server++)
        text += `      - 10.0.${pool}.${server}:6379:${weightOf(pool)}\n`;
    }
    return text;
  };
  const ringmaster = await startRingmaster({ config: config(() => 1), workers: 1, startTimeoutMs: 60_000 });
  t.after(() => ringmaster.kill());
  const client = await RawClient.connect(path.join(directory, '0.sock'));
  t.after(() => client.destroy());

  /** Reloads, while commands are answered; the pools that it changed. */
  const servedDuring = async (): Promise<string[]> => {
    let isDone = false;
    const reload = postAdmin(adminPort, '/-/reload').finally(() => {
      isDone = true;
    });
    let served = 0;
    while (!isDone) {
      assert.equal(String(await client.command('PING')), 'PONG');
      served++;
    }
    const { status, text } = await reload;
    assert.equal(status, 200, text);
    assert.ok(served > 0);
    return (JSON.parse(text) as { changes: { changed: { pool: string }[] } }).changes.changed.map(({ pool }) => pool);
  };
  assert.deepEqual(await servedDuring(), []);
  ringmaster.writeConfig(config(pool => (pool === 7 ? 2 : 1)));
  assert.deepEqual(await servedDuring(), ['p7']);
  assert.deepEqual(await servedDuring(), []);
  ringmaster.writeConfig(`${config(() => 3)}    nonsense: 1\n`);
  const refused = await postAdmin(adminPort, '/-/reload');
  assert.equal(refused.status, 400);
  assert.match(refused.text, /ringmaster\.yml:\d+:\d+: pools\.p59\.nonsense: unknown/);
  ringmaster.writeConfig(config(() => 3));
  assert.equal((await servedDuring()).length, POOLS);
  await ringmaster.stop();
});
