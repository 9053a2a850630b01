import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { run } from '../support/child.ts';
import { type Daemon, startDaemon } from '../support/pool-daemon.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { runRingmaster } from '../support/ringmaster.ts';

let redis: RedisServer;
let daemon: Daemon;
const ended: (() => unknown)[] = [];

before(async () => {
  redis = await startRedis();
  const pool = { protocol: 'redis', servers: [redis.port] } as const;
  daemon = await startDaemon(
    { after: end => void ended.push(end as () => unknown) },
    { red: pool, blue: pool },
    { workers: 2 },
  );
});

after(async () => {
  for (const end of ended) await end();
  await redis?.kill();
});

const cli = (...args: string[]) => runRingmaster([...args, '-c', daemon.ringmaster.configFile]);

test('stats, servers and workers are told in tables, and as JSON', async () => {
  const stats = await cli('stats');
  assert.match(
    stats.stdout,
    /^ringmaster \S+, process \d+, up .*; workers 2 of 2, 0 restarts; 0 settings set, 0 blocks\n/,
  );
  assert.match(stats.stdout, /^red +redis +1 +0 +/m);
  assert.match((await cli('servers', '--pool', 'red')).stdout, /^pool +server +ring .*\nred +server-0 +in +[^\n]*\n$/);
  assert.match((await cli('workers')).stdout, /^ +0 +serving +\d+ +0 /m);
  assert.equal(JSON.parse((await cli('servers', '--json')).stdout).total, 2);
});

test('the log level is told and set, and events say who did', async () => {
  assert.equal((await cli('loglevel')).stdout, 'info\n');
  assert.match((await cli('loglevel', 'debug')).stdout, /log\.level: info → debug/);
  assert.equal((await cli('loglevel')).stdout, 'debug\n');
  assert.equal((await cli('loglevel', 'loud')).code, 1);
  assert.match(
    (await cli('events')).stdout,
    /^\S+Z +setting_changed +by=\S+ from 127\.0\.0\.1 setting=log\.level old=info new=debug/m,
  );
});

test('top prints once where there is no terminal', async () => {
  const { stdout, code } = await cli('top');
  assert.equal(code, 0);
  for (const part of [/^ringmaster /, /^red +server-0/m, /^ +0 +serving/m, /^\d+ clients/m]) assert.match(stdout, part);
  assert.ok(!stdout.includes('\x1b'));
});

test('nobody to ask: exit code 1 and why', async () => {
  const { code, stderr } = await runRingmaster(['stats', '--admin', '127.0.0.1:1']);
  assert.equal(code, 1);
  assert.match(stderr, /no answer from 127\.0\.0\.1:1: nobody listens there/);
});

test('bash completes commands and their flags', async () => {
  const { stdout } = await runRingmaster(['completion', 'bash']);
  const complete = async (...words: string[]) => {
    const script = `${stdout}\nCOMP_WORDS=(ringmaster ${words.map(word => `'${word}'`).join(' ')}); COMP_CWORD=${words.length}; _ringmaster; echo "\${COMPREPLY[*]}"`;
    return (await run('bash', ['-c', script])).stdout.trim().split(' ');
  };
  assert.deepEqual(await complete('rest'), ['restart-workers']);
  assert.deepEqual(await complete('block', '--p'), ['--prefix']);
  assert.deepEqual(await complete('-c', 'x', 'block', '--key'), ['--key']);
  assert.deepEqual(await complete('reshard', 'pa'), ['pause', 'pace']);
  assert.deepEqual(await complete('-c', 'x', 'reshard', 'start', 'new.yml', '--orp'), ['--orphans']);
  assert.deepEqual(await complete('reshard', 'resume', '--b'), ['--big-keys']);
  assert.deepEqual(await complete('completion', 'f'), ['fish']);
  assert.match((await runRingmaster(['completion', 'zsh'])).stdout, /^#compdef ringmaster\n/);
  const fish = (await runRingmaster(['completion', 'fish'])).stdout;
  assert.match(fish, /^complete -c ringmaster .* -a unblock /m);
  assert.match(fish, /^complete -c ringmaster -n '__fish_seen_subcommand_from reshard; and not .*' -a abort /m);
  assert.match(fish, / -n '__fish_seen_subcommand_from reshard; and __fish_seen_subcommand_from start' -l orphans /);
  assert.equal((await runRingmaster(['completion', 'csh'])).code, 1);
});
