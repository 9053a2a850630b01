// The audit log, and who would forge its lines, flood it, or take its disk.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, renameSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { metricOf, postAdmin } from '../support/admin-client.ts';
import { temporaryDirectory } from '../support/child.ts';
import { startMemcached } from '../support/memcached-server.ts';
import { type Daemon, startDaemon } from '../support/pool-daemon.ts';
import type { RawClient } from '../support/raw-client.ts';
import { startRedis } from '../support/redis-server.ts';
import { encodeCommand } from '../support/resp-reader.ts';
import { waitFor } from '../support/wait-for.ts';

type Line = Readonly<Record<string, unknown>>;

const FORGED = '{"time":"2026-01-01T00:00:00.000Z","event":"operator","what":"blocked","by":"root"}';
/** What would end a line, begin another, or speak to the terminal of who reads it. */
const TRICKS = [
  `x\n${FORGED}`,
  `x\r\n${FORGED}\r\n`,
  `x","event":"operator","by":"root`,
  'x\\',
  '\u001b[2J\u001b]0;title\u0007',
  '\u009b2J\u0085\u2028\u2029\u202egnp.exe',
  '\0'.repeat(10),
  '\ud83d\ude00',
  `${'long'.repeat(30_000)}`,
];
const BROKEN = Buffer.from([0xff, 0xc0, 0x80, 0xed, 0xa0, 0x80, 0x0a, 0x22]);
/** Of a line: printable, and no change of direction. */
const ALLOWED_LINE = /^[\x20-\x7e\u00a0-\u200a\u2010-\u2027\u202f-\uffff]*$/;

let daemon: Daemon;
let file: string;
const release: (() => unknown)[] = [];

before(async () => {
  const [redis, memcached] = await Promise.all([startRedis(), startMemcached()]);
  release.push(
    () => redis.kill(),
    () => memcached.kill(),
  );
  file = path.join(temporaryDirectory('red-audit'), 'audit.log');
  const settings = [
    `audit_log: { file: ${file}, keys: true }`,
    'users:',
    '  app: { pools: [p, m], passwords: [geheim] }',
    '  default: { pools: [p], nopass: true }',
  ];
  const pools = {
    p: { protocol: 'redis', servers: [redis.port] },
    m: { protocol: 'memcached', servers: [memcached.port] },
  } as const;
  daemon = await startDaemon({ after: end => release.push(end as () => unknown) }, pools, { settings });
});

after(() => Promise.all(release.map(end => end())));

const counted = (what: 'lines' | 'lines_dropped') => metricOf(daemon.adminPort, `ringmaster_audit_${what}_total`);

/** All lines of these files so far. */
function read(...files: string[]): Line[] {
  return files.flatMap(each => {
    const text = existsSync(each) ? readFileSync(each, 'utf8') : '';
    // The last may be half there.
    return text
      .split('\n')
      .slice(0, -1)
      .map(line => {
        assert.match(line, ALLOWED_LINE);
        return JSON.parse(line) as Line;
      });
  });
}

const tricky = [...TRICKS.map(each => Buffer.from(each)), BROKEN];

test('names and keys forge no line, and say nothing to a terminal', async () => {
  const before = await counted('lines');
  const clients: RawClient[] = [];
  // At once: the answers to wrong passwords wait, and what is too long to be one before a sign-in ends the connection.
  await Promise.all(
    tricky.map(async trick => {
      const one = await daemon.client('p');
      clients.push(one);
      one.send(encodeCommand('AUTH', trick, 'geheim'));
      await one.readReply();
      const other = await daemon.client('m');
      clients.push(other);
      const data = Buffer.concat([trick.subarray(0, 200), Buffer.from(' geheim')]);
      other.send(Buffer.concat([Buffer.from(`set a 0 0 ${data.length}\r\n`), data, Buffer.from('\r\n')]));
      await other.readLine();
    }),
  );
  const client = await daemon.client('p');
  clients.push(client);
  for (const trick of tricky) {
    await client.command('CLIENT', 'SETNAME', trick);
    await client.command('SORT', trick);
    await client.command('CONFIG', trick, 'x');
    await client.command('CONFIG', 'GET', trick);
    await client.command(trick, trick);
  }
  // A line that is wanted is the last.
  await client.command('SORT', 'the last');
  const isLast = ({ keys }: Line) => JSON.stringify(keys) === '["the last"]';
  await waitFor(() => read(file).some(isLast), { what: 'the last line' });
  const lines = read(file);
  assert.equal(lines.length, await counted('lines'), 'one line for each');
  assert.ok(lines.length > before + tricky.length * 3);
  // The daemon itself has said that it is ready.
  for (const { event, by, what } of lines) {
    assert.ok(event !== 'operator' || (by === undefined && what === 'ringmaster is ready'), String(what));
  }
  for (const line of lines) assert.ok(JSON.stringify(line).length < 2000);
  assert.doesNotMatch(JSON.stringify(lines), /geheim/);
  for (const each of clients) each.destroy();
});

test('renamed and opened anew under load, by USR1 and by reload, again and again: no line is lost, none is torn', async () => {
  const before = await counted('lines');
  const files = [file];
  const client = await daemon.client('p');
  const [rounds, atOnce] = [20, 200];
  for (let round = 1; round <= rounds; round++) {
    client.send(Buffer.concat(Array.from({ length: atOnce }, (_, i) => encodeCommand('SORT', `${round}-${i}`))));
    const moved = `${file}.moved-${round}`;
    renameSync(file, moved);
    files.push(moved);
    daemon.ringmaster.signal('SIGUSR1');
    if (round % 10 === 0) assert.equal((await postAdmin(daemon.adminPort, '/-/reload')).status, 200);
    await client.readReplies(atOnce);
    // Otherwise there is nothing to rename.
    await waitFor(() => existsSync(file), { what: 'the new file' });
  }
  client.destroy();
  await waitFor(async () => (await counted('lines')) >= before + rounds * atOnce, { what: 'all lines' });
  const keys = () =>
    read(...files).flatMap(({ command, keys: [key] = [] }: { command?: string; keys?: string[] }) =>
      command === 'sort' && /^\d+-\d+$/.test(key ?? '') ? [key] : [],
    );
  await waitFor(() => keys().length >= rounds * atOnce, { what: 'all lines in the files' });
  assert.equal(new Set(keys()).size, rounds * atOnce);
  assert.equal(keys().length, rounds * atOnce);
  for (const each of files) assert.match(readFileSync(each, 'utf8'), /^$|\n$/, 'whole lines');
  assert.equal(await counted('lines_dropped'), 0);
});

test('of a flood of refused sign-ins each is a line or is counted', async () => {
  const total = async () => (await counted('lines')) + (await counted('lines_dropped'));
  const refused = () => metricOf(daemon.adminPort, 'ringmaster_pool_refused_sign_ins_total', { pool: 'p' });
  const [linesBefore, refusedBefore] = [await total(), await refused()];
  const flood = await Promise.all(Array.from({ length: 300 }, () => daemon.client('p')));
  for (const each of flood) each.send(encodeCommand('AUTH', 'app', 'wrong'));
  await waitFor(async () => (await refused()) >= refusedBefore + flood.length, { what: 'all refusals' });
  await waitFor(async () => (await total()) === linesBefore + flood.length, { what: 'a line for each' });
  const one = await daemon.client('p');
  assert.equal(await one.command('AUTH', 'app', 'geheim'), 'OK');
  // The answer may come before the master has the line.
  await waitFor(async () => (await total()) === linesBefore + flood.length + 1, { what: 'the line of who is let in' });
  for (const each of [one, ...flood]) each.destroy();
});

test('a full disk refuses nobody anything; what is lost is counted to the last line and said, until there is room again', async () => {
  const text = readFileSync(daemon.ringmaster.configFile, 'utf8');
  const [lines, dropped] = [await counted('lines'), await counted('lines_dropped')];
  daemon.ringmaster.writeConfig(text.replace(file, '/dev/full'));
  assert.equal((await postAdmin(daemon.adminPort, '/-/reload')).status, 200);
  // That is a line of its own.
  await waitFor(async () => (await counted('lines')) === lines + 1, { what: 'the line of the reload' });
  const client = await daemon.client('p');
  const count = 100;
  client.send(Buffer.concat(Array.from({ length: count }, () => encodeCommand('SORT', 'k'))));
  await client.readReplies(count);
  await waitFor(async () => (await counted('lines_dropped')) === dropped + count + 1, { what: 'all to be counted' });
  assert.equal((await daemon.untilLogged(/^audit log: lines are being lost$/)).length, 1);
  const other = `${file}.other`;
  daemon.ringmaster.writeConfig(text.replace(file, other));
  assert.equal((await postAdmin(daemon.adminPort, '/-/reload')).status, 200);
  const [said] = await daemon.untilLogged(/^audit log: lines could not be written$/);
  assert.equal(said?.lines, count + 1);
  await client.command('SORT', 'k');
  await waitFor(() => read(other).length === 2, { what: 'its lines' });
  client.destroy();
});
