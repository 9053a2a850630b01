import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import type { Report } from '../../bench/load/report.ts';
import { run, temporaryDirectory } from '../support/child.ts';

const MAIN = path.join(import.meta.dirname, '../../bench/load/main.ts');

test('the benchmark measures both proxies in turns and writes what it found', async () => {
  const dir = temporaryDirectory('bench');
  const json = path.join(dir, 'figures.json');
  const markdown = path.join(dir, 'tables.md');
  const { code, stdout, stderr } = await run(
    process.execPath,
    [MAIN, '--quick', '--scenarios', 'get-50,memcached-get-50', '--json', json, '--markdown', markdown],
    { timeoutMs: 120_000 },
  );
  assert.equal(code, 0, stdout + stderr);

  const { machine, scenarios } = JSON.parse(readFileSync(json, 'utf8')) as Report;
  for (const program of ['ringmaster', 'node', 'nutcracker', 'redis', 'memcached']) {
    assert.match(machine.versions[program] ?? '', /^v?\d/, program);
  }
  assert.deepEqual(
    scenarios.map(({ name, error }) => [name, error]),
    [
      ['get-50', null],
      ['memcached-get-50', null],
    ],
  );
  for (const { contenders, name } of scenarios) {
    assert.deepEqual(
      contenders.map(contender => contender.name),
      ['nutcracker', 'ringmaster'],
    );
    for (const { rounds, median, ratios } of contenders) {
      assert.equal(rounds.length, 2);
      for (const round of [...rounds, median]) {
        for (const [figure, value] of Object.entries(round)) assert.ok(value >= 0, `${name}: ${figure} ${value}`);
        assert.ok(round.requests > 0 && round.requestsPerSecond > 0 && round.cpuUs > 0);
        assert.ok(round.p50Ms <= round.p99Ms && round.p99Ms <= round.maxMs, `${name}: latencies in order`);
        assert.ok(Math.abs(round.userUs + round.systemUs - round.cpuUs) < 1e-6, `${name}: user and system are all`);
      }
      assert.equal(ratios === null, contenders[0]?.rounds === rounds, 'ratios against the first contender');
      if (ratios !== null) assert.ok(ratios.cpuUs!.median > 0 && ratios.requestsPerSecond!.median > 0);
    }
  }
  assert.match(readFileSync(markdown, 'utf8'), /\| GET 100 B, 50 clients +\|/);
});

test('the benchmark shows which functions of ours cost how much', async () => {
  const { code, stdout, stderr } = await run(
    process.execPath,
    [MAIN, '--quick', '--seconds', '1', '--scenarios', 'get-50', '--profile'],
    { timeoutMs: 120_000 },
  );
  assert.equal(code, 0, stdout + stderr);
  assert.match(stdout, /^\| src\/[\w/]+ +\| +[\d.]+ \|/m, 'folders');
  assert.match(stdout, /^\| [\w.]+ +\| src\/[\w/-]+\.ts:\d+ +\| +[\d.]+ \|/m, 'functions');
});

test('the benchmark refuses flags it does not know', async () => {
  for (const args of [['--scenarios', 'no-such'], ['--rounds', '0'], ['--fast']]) {
    const { code, stderr } = await run(process.execPath, [MAIN, ...args], { timeoutMs: 60_000 });
    assert.equal(code, 2, args.join(' '));
    assert.match(stderr, /^npm run bench: /);
  }
});

test('the benchmark makes load at a fixed rate, over several pools, without a proxy, and with a Ringmaster of another kind', async () => {
  const json = path.join(temporaryDirectory('bench'), 'figures.json');
  const args = [
    '--quick',
    '--scenarios',
    'tail,pools-10',
    '--rounds',
    '1',
    '--seconds',
    '0.02',
    '--direct',
    '--variant',
    'X=1 -v 4',
    '--json',
    json,
  ];
  const { code, stdout, stderr } = await run(process.execPath, [MAIN, ...args], { timeoutMs: 120_000 });
  assert.equal(code, 0, stdout + stderr);

  const { scenarios } = JSON.parse(readFileSync(json, 'utf8')) as Report;
  assert.deepEqual(
    scenarios.map(({ name, contenders }) => [name, contenders.map(contender => contender.name)]),
    [
      ['tail', ['nutcracker', 'ringmaster', 'ringmaster, X=1 -v 4', 'no proxy']],
      ['pools-10', ['nutcracker', 'ringmaster', 'ringmaster, X=1 -v 4', 'no proxy']],
    ],
  );
  const [, pools] = scenarios;
  assert.ok(pools!.contenders[1]!.median.residentBytes > 0);
  assert.equal(pools!.contenders[3]!.median.residentBytes, 0, 'no proxy, no memory');
});
