import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { type AdminAnswer, askAdmin, postAdmin } from '../support/admin-client.ts';
import { freePorts } from '../support/free-port.ts';
import { logLines } from '../support/log-lines.ts';
import { RawClient } from '../support/raw-client.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { RespError } from '../support/resp-reader.ts';
import { type Ringmaster, runRingmaster, startRingmaster } from '../support/ringmaster.ts';
import { waitFor } from '../support/wait-for.ts';

interface Setting {
  readonly path: string;
  readonly value: string;
  readonly inFile: string;
  readonly setBy: string | null;
}

let redis: RedisServer;
let daemon: Ringmaster;
let adminPort: number;
let port: number;

const file = (timeout = '1s', more = '') => `# How we do it.
admin: 127.0.0.1:${adminPort}
workers: 2
${more}pools:
  red:
    listen: 127.0.0.1:${port}
    protocol: redis
    timeout: ${timeout}   # short
    servers:
      - 127.0.0.1:${redis.port}:1 a  # the only one
`;

const patch = (body: object): Promise<AdminAnswer> =>
  askAdmin(adminPort, '/api/v1/settings', { method: 'PATCH', body });

async function setting(path: string): Promise<Setting> {
  const answer = await askAdmin(adminPort, `/api/v1/settings?pattern=${path}`);
  return answer.json<{ settings: readonly Setting[] }>().settings[0]!;
}

async function set(settings: Readonly<Record<string, string>>): Promise<void> {
  const answer = await patch({ set: settings });
  assert.equal(answer.status, 200, answer.text);
}

/** Every worker refuses the command, or none does. */
async function refusals(clients: readonly RawClient[]): Promise<number> {
  const replies = await Promise.all(clients.map(client => client.command('FLUSHALL')));
  return replies.filter(reply => reply instanceof RespError && /denied|not allowed|disabled/i.test(reply.text)).length;
}

const cli = (...args: string[]) => runRingmaster([...args, '-c', daemon.configFile]);

before(async () => {
  redis = await startRedis();
  [adminPort, port] = (await freePorts(2)) as [number, number];
  daemon = await startRingmaster({ config: file() });
});

after(async () => {
  await daemon?.stop();
  await redis?.kill();
});

/** The file says so, and nothing was set since. */
async function startOver(text = file()): Promise<void> {
  const { settings } = (await askAdmin(adminPort, '/api/v1/settings?differs=true')).json<{ settings: Setting[] }>();
  if (settings.length > 0) await patch({ unset: settings.map(({ path }) => path) });
  daemon.writeConfig(text);
  assert.equal((await postAdmin(adminPort, '/-/reload')).status, 200);
}

describe('a setting that is set', () => {
  test('is in force in all workers when the answer is there', async () => {
    await startOver();
    const clients = await Promise.all(Array.from({ length: 16 }, () => RawClient.connect(port)));
    for (const client of clients) assert.equal(await client.command('PING'), 'PONG');
    await set({ 'red.deny_commands': 'flushall' });
    assert.equal(await refusals(clients), clients.length);
    for (const client of clients) client.destroy();
  });

  test('is told with what the file says, who set it, and what it was', async () => {
    await startOver();
    const answer = await patch({ set: { 'pools.red.timeout': '300' } });
    const { changes, workers } = answer.json<{ changes: object[]; workers: object[] }>();
    assert.deepEqual(changes, [{ path: 'red.timeout', old: '1000ms', new: '300ms', applies: 'live' }]);
    assert.equal(workers.length, 2);
    const { value, inFile, setBy } = await setting('red.timeout');
    assert.deepEqual([value, inFile, setBy], ['300ms', '1000ms', 'admin from 127.0.0.1']);
    const wanted = ['red.timeout', '1000ms', '300ms', 'admin from 127.0.0.1'];
    const isLogged = () => {
      const line = logLines(daemon.stderr()).findLast(({ msg }) => msg === 'setting changed');
      return isDeepStrictEqual([line?.setting, line?.old, line?.new, line?.by], wanted);
    };
    await daemon.until(isLogged, 'the change in the log');
  });

  test('is refused as a file with it would be, and nothing of what was asked with it is done', async () => {
    await startOver();
    const answer = await patch({ set: { 'red.backlog': '7', 'red.timeout': 'soon' } });
    assert.equal(answer.status, 400);
    assert.match(String(answer.json().error), /^red\.timeout: "soon" is no duration/);
    assert.equal((await setting('red.backlog')).value, '512');
    for (const body of [{}, { set: [] }, { set: { 'red.timeout': 5 } }, { sett: {} }, { unset: ['red.timeout'] }]) {
      assert.equal((await patch(body)).status, 400, JSON.stringify(body));
    }
  });

  test('that the system refuses leaves all workers as they were', async () => {
    await startOver();
    const answer = await patch({ set: { 'red.listen': `127.0.0.1:${redis.port}` } });
    assert.equal(answer.status, 409, answer.text);
    assert.equal((await setting('red.listen')).value, `127.0.0.1:${port}`);
  });

  test('is what a worker that starts later serves by', async () => {
    await startOver();
    await set({ 'red.deny_commands': 'flushall' });
    const [pid] = daemon.workerPids();
    process.kill(pid!, 'SIGKILL');
    await waitFor(() => daemon.workerPids().length === 2 && !daemon.workerPids().includes(pid!), {
      what: 'a successor',
    });
    assert.equal((await postAdmin(adminPort, '/-/restart-workers')).status, 200);
    const clients = await Promise.all(Array.from({ length: 16 }, () => RawClient.connect(port)));
    assert.equal(await refusals(clients), clients.length);
    for (const client of clients) client.destroy();
  });
});

describe('a reload', () => {
  test('keeps what was set where the file says what it said, and says so', async () => {
    await startOver();
    await set({ 'red.timeout': '300ms' });
    daemon.writeConfig(file('1s', 'worker_timeout: 20s\n'));
    const answer = await postAdmin(adminPort, '/-/reload');
    assert.deepEqual(answer.json().overrides, [
      { path: 'red.timeout', won: 'set', why: 'the file says the same of it as before' },
    ]);
    assert.equal((await setting('red.timeout')).value, '300ms');
    assert.equal((await setting('worker_timeout')).value, '20000ms');
    const isLogged = () => logLines(daemon.stderr()).some(({ msg }) => msg === 'reload: what was set is kept');
    await daemon.until(isLogged, 'what was kept in the log');
  });

  test("gives way to the file's own new value, and says so", async () => {
    await startOver();
    await set({ 'red.timeout': '300ms' });
    daemon.writeConfig(file('2s'));
    const { stdout } = await cli('reload');
    assert.match(
      stdout,
      /red\.timeout: the file wins over what was set: the file says something else of it than before/,
    );
    assert.equal((await setting('red.timeout')).value, '2000ms');
  });
});

describe('from the command line', () => {
  test('get, set, unset, and what differs from the file', async () => {
    await startOver();
    assert.match((await cli('get', 'red.time*')).stdout, /^red\.timeout +1000ms\n$/);
    const done = await cli('set', 'red.timeout', '300ms', 'red.backlog', '7');
    assert.match(done.stdout, /^set: 2 workers had it after \d+ ms\n {2}red\.timeout: 1000ms → 300ms\n/);
    assert.match(
      (await cli('get', '--differs')).stdout,
      /^red\.timeout +300ms +set by \S+ from 127\.0\.0\.1 at .*; the file says 1000ms$/m,
    );
    assert.match((await cli('diff', '--running')).stdout, /^red\.timeout +300ms +1000ms +set by /m);
    assert.equal((await cli('unset', 'red.timeout', 'red.backlog')).code, 0);
    assert.equal((await cli('diff', '--running')).stdout, 'the file says what runs\n');
    assert.equal((await cli('unset', '--default', 'red.timeout')).code, 0);
    assert.equal((await setting('red.timeout')).value, '5000ms');
  });

  test('what cannot be set has exit code 1 and the reason', async () => {
    await startOver();
    const { code, stderr } = await cli('set', 'red.timeout', 'soon');
    assert.equal(code, 1);
    assert.match(stderr, /^ringmaster: red\.timeout: "soon" is no duration/);
    assert.equal((await cli('set', 'red.timeout')).code, 1);
  });

  test('save writes it into the file, comments and order kept; then nothing differs', async () => {
    await startOver();
    await set({ 'red.timeout': '300ms', 'red.servers.a.weight': '3' });
    const { mode } = statSync(daemon.configFile);
    const { stdout } = await cli('save');
    assert.equal(stdout, `saved to ${daemon.configFile}: red.timeout, red.servers.a.weight\n`);
    assert.equal(readFileSync(daemon.configFile, 'utf8'), file('300ms').replace(':1 a  #', ':3 a  #'));
    assert.equal(statSync(daemon.configFile).mode, mode);
    assert.equal((await cli('diff', '--running')).stdout, 'the file says what runs\n');
    assert.match((await cli('save')).stdout, /^nothing to save/);
    assert.equal((await postAdmin(adminPort, '/-/reload')).status, 200);
    assert.equal((await setting('red.timeout')).value, '300ms');
  });

  test('save leaves a file alone that somebody has changed meanwhile', async () => {
    await startOver();
    await set({ 'red.timeout': '300ms' });
    const text = file('1s', 'worker_timeout: 20s\n');
    daemon.writeConfig(text);
    const { code, stderr } = await cli('save');
    assert.equal(code, 1);
    assert.match(stderr, /not saved: the file would not say what runs: it has changed since it was read/);
    assert.equal(readFileSync(daemon.configFile, 'utf8'), text);
  });
});
