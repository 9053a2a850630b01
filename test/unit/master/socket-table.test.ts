import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { parseConfig } from '../../../src/config/load.ts';
import { SocketTable } from '../../../src/master/socket-table.ts';
import { temporaryDirectory } from '../../support/child.ts';
import { freePort } from '../../support/free-port.ts';

function pools(...lines: string[]) {
  const text = lines.map((line, i) => `  p${i}: { protocol: redis, servers: ['h:1'], ${line} }\n`).join('');
  return parseConfig(`admin: false\npools:\n${text}`, 'f').pools;
}

async function tableOf(...lines: string[]): Promise<SocketTable> {
  const table = new SocketTable();
  table.adopt(await table.plan(pools(...lines), 2));
  return table;
}

const handlesOf = (table: SocketTable, slot: number) => [...table.handles(slot)].map(([, handle]) => handle);

test('each slot and pool has a socket of its own, all of a pool on one port', async t => {
  const table = await tableOf("listen: '127.0.0.1:0'", "listen: '127.0.0.1:0'");
  t.after(() => table.close());
  assert.equal(new Set([...handlesOf(table, 0), ...handlesOf(table, 1)]).size, 4);
  const ports = table.addresses().map(({ listen }) => (listen as { port: number }).port);
  assert.equal(new Set(ports).size, 2);
});

for (const [what, first, second, handed] of [
  ['the same', '', '', []],
  ['another timeout', '', 'timeout: 1s', []],
  ['another backlog', '', 'backlog: 7', ['p0']],
  ['other keep-alives', '', 'tcpkeepalive: false', ['p0']],
  ['another protocol', '', 'protocol: memcached', ['p0']],
] as const) {
  test(`${what}: ${handed.length === 0 ? 'workers go on listening as they do' : 'workers listen anew, on the same socket'}`, async t => {
    const listen = `127.0.0.1:${await freePort()}`;
    const make = (more: string) =>
      parseConfig(
        `admin: false\npools:\n  p0: ${JSON.stringify({ protocol: 'redis', servers: ['h:1'], listen, ...Object.fromEntries(more === '' ? [] : [more.split(': ')]) })}`,
        'f',
      ).pools;
    const table = new SocketTable();
    t.after(() => table.close());
    table.adopt(await table.plan(make(first), 2));
    const before = handlesOf(table, 1);
    const plan = await table.plan(make(second), 2);
    assert.deepEqual([...plan.handed], handed);
    table.adopt(plan).closeObsolete();
    assert.deepEqual(handlesOf(table, 1), before);
  });
}

test('more slots get more sockets; fewer keep theirs', async t => {
  const table = await tableOf("listen: '127.0.0.1:0'");
  t.after(() => table.close());
  const [first, second] = [handlesOf(table, 0), handlesOf(table, 1)];
  const same = pools("listen: '127.0.0.1:0'");
  table.adopt(await table.plan(same, 4)).closeObsolete();
  assert.deepEqual([handlesOf(table, 0), handlesOf(table, 1)], [first, second]);
  assert.equal(new Set([0, 1, 2, 3].flatMap(slot => handlesOf(table, slot))).size, 4);
  table.adopt(await table.plan(same, 1)).closeObsolete();
  assert.deepEqual([handlesOf(table, 0), handlesOf(table, 1)], [first, []]);
});

test('a plan that is abandoned leaves no socket behind, and takes none away', async t => {
  const port = await freePort();
  const table = await tableOf("listen: '127.0.0.1:0'");
  t.after(() => table.close());
  const before = handlesOf(table, 0);
  const socket = path.join(temporaryDirectory('sockets'), 's');
  const next = pools("listen: '127.0.0.1:0'", `listen: '127.0.0.1:${port}'`, `listen: ${socket}`);
  table.abandon(await table.plan(next, 2));
  assert.equal(existsSync(socket), false);
  assert.deepEqual(handlesOf(table, 0), before);
  table.adopt(await table.plan(next, 2));
  assert.ok(existsSync(socket));
});

test('a file that is no socket is not removed for one', async () => {
  const file = path.join(temporaryDirectory('sockets'), 'data');
  writeFileSync(file, 'precious');
  await assert.rejects(tableOf(`listen: ${file}`), {
    message: `pool p0: cannot listen on ${file}: the address is in use`,
  });
  assert.ok(existsSync(file));
});
