// The daemon's flags, held against nutcracker's where both have them.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { run, temporaryDirectory } from '../support/child.ts';
import { startDaemon } from '../support/daemon.ts';
import { freePorts } from '../support/free-port.ts';
import { NUTCRACKER, readJson } from '../support/nutcracker.ts';
import { RawClient } from '../support/raw-client.ts';
import { runRingmaster, startRingmaster, writeConfigFile } from '../support/ringmaster.ts';
import { waitFor } from '../support/wait-for.ts';

const GOOD = writeConfigFile('p:\n  listen: 127.0.0.1:22121\n  redis: true\n  servers:\n    - 127.0.0.1:6379:1\n');
const BAD = writeConfigFile('p: {\n');

/** Command lines of which both must think the same: the exit code of `-t`, or of a flag that is wrong. */
const LINES: readonly (readonly string[])[] = [
  ['-t', '-c', GOOD],
  ['-t', '-c', BAD],
  ['-t', '-c', '/nonexistent.yml'],
  ['-tc', GOOD],
  [`-tc${GOOD}`],
  ['-dtc', GOOD],
  ['-t', '-d', '-c', GOOD, '-p', '/nonexistent/pid', '-o', '/nonexistent/log'],
  ['--test-conf', `--conf-file=${GOOD}`],
  ['--test-conf', '--conf-file', BAD],
  ['--test', `--conf=${GOOD}`],
  ['-t', '-c', BAD, '-c', GOOD],
  ['-t', '-v', '11', '-c', GOOD],
  ['-t', '-v0', '-c', GOOD],
  ['-t', '-v', '99', '-c', GOOD],
  ['-t', '-v', 'abc', '-c', GOOD],
  ['-t', '-v-3', '-c', GOOD],
  ['-t', '--verbose=7', '-c', GOOD],
  ['-t', '-s', '22222', '-a', '127.0.0.1', '-i', '1000', '-m', '512', '-c', GOOD],
  ['-t', '--stats-port=22222', '--stats-addr=0.0.0.0', '--stats-interval=30000', '--mbuf-size=16384', '-c', GOOD],
  ['-t', `--output=${GOOD}.log`, `--pid-file=${GOOD}.pid`, '-c', GOOD],
  ['-t', '-s', 'abc', '-c', GOOD],
  ['-t', '-s', '99999', '-c', GOOD],
  ['-t', '-s', '-c', GOOD],
  ['-t', '-i', 'abc', '-c', GOOD],
  ['-t', '-i', '0', '-c', GOOD],
  ['-t', '-m', 'abc', '-c', GOOD],
  ['-t', '-m', '511', '-c', GOOD],
  ['-t', '-m', '16777216', '-c', GOOD],
  ['-t', '-m', '16777217', '-c', GOOD],
  ['-x'],
  ['--bogus'],
  ['--stats', '1'],
  ['-c'],
  ['-h'],
  ['--help'],
  ['-V'],
  ['--version'],
  ['-D'],
  ['--describe-stats'],
  ['-D', '-t', '-c', BAD],
];

describe('a command line ends as it does with nutcracker', { concurrency: 2 }, () => {
  for (const args of LINES) {
    const shown = args.map(arg => arg.replaceAll(GOOD, 'GOOD').replaceAll(BAD, 'BAD')).join(' ');
    test(shown, async () => {
      const [theirs, ours] = await Promise.all([run(NUTCRACKER, args), runRingmaster(args)]);
      assert.equal(ours.code, theirs.code, `${ours.stderr}\n--- nutcracker\n${theirs.stderr}`);
      const verdict = /configuration file '.*' syntax is (ok|invalid)\n/;
      assert.equal(verdict.exec(ours.stderr)?.[0], verdict.exec(theirs.stderr)?.[0], 'the words that scripts look for');
      // A flag that is wrong is named, on standard error.
      if (ours.code === 1 && !verdict.test(ours.stderr)) {
        assert.match(ours.stderr, /^ringmaster: .*\nTry 'ringmaster --help'\.\n$/);
        assert.equal(ours.stdout, '');
      }
    });
  }
});

test('help and version go to standard output', async () => {
  for (const args of [['-h'], ['--help'], ['-?']]) {
    const { code, stdout, stderr } = await runRingmaster(args);
    assert.deepEqual([code, stderr], [0, '']);
    for (const flag of ['--conf-file', '--daemonize', '--stats-interval', 'check', 'route', 'diff']) {
      assert.ok(stdout.includes(flag), `${flag} in the help`);
    }
  }
  const { stdout } = await runRingmaster(['-V']);
  assert.match(stdout, /^ringmaster \d+\.\d+\.\d+\n$/);
});

test('a word that is no command is an error', async () => {
  const { code, stderr } = await runRingmaster(['chek', 'file']);
  assert.equal(code, 1);
  assert.match(stderr, /^ringmaster: unknown command 'chek'\n/);
});

test('one-shot commands say what is missing or too much', async () => {
  for (const args of [['check'], ['check', 'a', 'b'], ['diff', 'a'], ['route'], ['check', '--bogus', 'a']]) {
    const { code, stdout, stderr } = await runRingmaster(args);
    assert.equal(code, 1);
    assert.equal(stdout, '');
    assert.match(stderr, /^ringmaster: .*(missing|too many|unknown|give either)/);
  }
});

test('the flags of an init script start a daemon that does what they say', async () => {
  const [port, statsPort] = await freePorts(2);
  const config = `p:\n  listen: 127.0.0.1:${port}\n  redis: true\n  servers:\n    - 127.0.0.1:1:1 one\n`;
  const daemon = await startDaemon(config, {
    args: ['-v11', '-s', String(statsPort), '-a', '127.0.0.1', '-i', '1000', '-m', '512', '-w1'],
  });
  assert.deepEqual(daemon.result, { code: 0, signal: null, stdout: '', stderr: '' });
  (await RawClient.connect(port!)).socket.destroy();
  assert.deepEqual(Object.keys((await readJson(statsPort!)).p as object).at(-1), 'one');
  assert.equal(daemon.entries('ringmaster is ready').length, 1);
  process.kill(daemon.masterPid(), 'SIGTERM');
  await daemon.gone();
});

test('the same in long and cut flags', async () => {
  const [port, statsPort] = await freePorts(2);
  const dir = temporaryDirectory('flags');
  const [pidFile, logFile] = [path.join(dir, 'pid'), path.join(dir, 'log')];
  const config = `p:\n  listen: 127.0.0.1:${port}\n  redis: true\n  servers:\n    - 127.0.0.1:1:1\n`;
  const args = [
    '--daemonize',
    `--conf=${writeConfigFile(config)}`,
    `--pid-file=${pidFile}`,
    `--output=${logFile}`,
    `--stats-port=${statsPort}`,
    '--stats-addr=127.0.0.1',
    '--verb=0',
  ];
  assert.equal((await runRingmaster(args)).code, 0);
  const master = Number(readFileSync(pidFile, 'utf8'));
  assert.equal((await readJson(statsPort!)).service, 'nutcracker');
  assert.equal(readFileSync(logFile, 'utf8'), '', 'at -v 0 only what is fatal is written');
  process.kill(master, 'SIGTERM');
  await waitFor(() => !existsSync(pidFile), { what: 'the end of the daemon' });
});

test("the statistics port is open with twemproxy's form, and with our own when a flag asks for it", async () => {
  const [port, statsPort] = await freePorts(2);
  const config = `admin: false\npools:\n  p:\n    listen: 127.0.0.1:${port}\n    protocol: redis\n    servers: [127.0.0.1:1]\n`;
  const without = await startRingmaster({ config, workers: 1 });
  assert.ok(!without.stderr().includes('"stats":'));
  await without.stop();
  const ringmaster = await startRingmaster({ config, workers: 1, args: ['-a', '127.0.0.1', '-s', String(statsPort)] });
  assert.equal((await readJson(statsPort!)).service, 'nutcracker');
  await ringmaster.stop();
});
