import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeStats, StatsPort } from '../../src/admin/stats-port.ts';
import { Totals } from '../../src/admin/totals.ts';
import { parseConfig } from '../../src/config/load.ts';
import { run } from '../support/child.ts';
import { CollectedLog } from '../support/collected-log.ts';
import { freePorts } from '../support/free-port.ts';
import { startNutcracker } from '../support/nutcracker.ts';
import { RawClient } from '../support/raw-client.ts';

/** Names of all kinds, in an order that is neither theirs by length nor by bytes. */
function poolsFile(redisPort: number, memcachedPort: number): string {
  return `
zeta:
  listen: 127.0.0.1:${redisPort}
  redis: true
  servers:
    - 127.0.0.1:1:1 zzz
    - 127.0.0.1:2:5
    - 127.0.0.1:11211:1
    - /nonexistent/x.sock:1
    - 127.0.0.1:3:1 aaa
alpha:
  listen: 127.0.0.1:${memcachedPort}
  servers:
    - localhost:4:1
`;
}

/** The line with the version and every number taken out: spacing, order and types remain. */
function shape(line: string): string {
  return line.replace(/("version":)"[^"]*"/, '$1"…"').replace(/(":)\d+(?=[,}])/g, '$10');
}

test("the statistics line is nutcracker's, byte for byte, but for figures and version", async t => {
  const [redisPort, memcachedPort] = await freePorts(2);
  const file = poolsFile(redisPort!, memcachedPort!);
  const nutcracker = await startNutcracker(file);
  t.after(() => nutcracker.kill());
  const config = parseConfig(file, 'nutcracker.yml');
  const totals = new Totals(config.pools);
  const ours = new StatsPort({ totals, version: '1.0.0', fresh: async () => {}, log: new CollectedLog() });
  const { port } = await ours.listen({ host: '127.0.0.1', port: 0 });
  t.after(() => ours.close());

  const [theirLine, ourLine] = await Promise.all(
    [nutcracker.statsPort, port].map(async each => (await (await RawClient.connect(each)).readToEnd()).toString()),
  );
  assert.equal(shape(ourLine!), shape(theirLine!));

  const [theirs, our] = [theirLine!, ourLine!].map(line => JSON.parse(line));
  for (const field of ['service', 'source', 'total_connections', 'curr_connections']) {
    assert.equal(our[field], theirs[field], `${field} of an idle proxy`);
  }
  assert.ok(Math.abs(our.timestamp - theirs.timestamp) <= 1);
});

test("the description of the statistics has nutcracker's layout and names", async () => {
  const { stdout, stderr } = await run('nutcracker', ['-D']);
  const text = `${stdout}${stderr}`;
  const theirs = text.slice(text.indexOf('pool stats:'));
  const withoutWords = (description: string) => description.replace(/".*"/g, '""');
  assert.equal(withoutWords(describeStats()), withoutWords(theirs));
});
