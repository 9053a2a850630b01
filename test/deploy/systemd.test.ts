// The unit and the log rotation, by systemd's and logrotate's own checks.
import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { run, temporaryDirectory } from '../support/child.ts';

const DEPLOY = path.join(import.meta.dirname, '../../deploy');

test('systemd-analyze verify finds nothing', async () => {
  const unit = path.join(temporaryDirectory('unit'), 'ringmaster.service');
  const text = readFileSync(path.join(DEPLOY, 'systemd/ringmaster.service'), 'utf8');
  // Ringmaster is not installed here: some program that is.
  writeFileSync(unit, text.replaceAll('/usr/bin/ringmaster', '/bin/true'));
  const { code, stdout, stderr } = await run('systemd-analyze', ['verify', unit]);
  assert.deepEqual([code, stdout, stderr], [0, '', '']);
  writeFileSync(unit, `${text.replaceAll('/usr/bin/ringmaster', '/bin/true')}\n[Service]\nWatchdogSeconds=3\n`);
  assert.match((await run('systemd-analyze', ['verify', unit])).stderr, /Unknown key.*WatchdogSeconds/);
});

test('systemd-analyze security finds little that the unit could do without', async () => {
  const unit = path.join(temporaryDirectory('unit'), 'ringmaster.service');
  const text = readFileSync(path.join(DEPLOY, 'systemd/ringmaster.service'), 'utf8');
  const exposure = async (unitText: string) => {
    writeFileSync(unit, unitText.replaceAll('/usr/bin/ringmaster', '/bin/true'));
    const { stdout } = await run('systemd-analyze', ['security', '--offline=true', unit]);
    return Number(/Overall exposure level for \S+: ([\d.]+)/.exec(stdout)?.[1]);
  };
  const level = await exposure(text);
  // 10 is all that there is. The rest is what Node needs, or a system call filter, which nobody has tried with each of its versions.
  assert.ok(level < 4, `its exposure is ${level}`);
  assert.ok((await exposure(text.replace('CapabilityBoundingSet=\n', ''))) > level);
});

test('logrotate takes its file, moves a log away and has it opened anew', async () => {
  const directory = temporaryDirectory('logrotate');
  const log = path.join(directory, 'ringmaster.log');
  const told = path.join(directory, 'told');
  writeFileSync(log, 'a line\n');
  const file = path.join(directory, 'ringmaster');
  copyFileSync(path.join(DEPLOY, 'logrotate/ringmaster'), file);
  const text = readFileSync(file, 'utf8');
  const forTest = text
    .replaceAll('/var/log/ringmaster', directory)
    .replace(/^\tsu .*\n/m, '')
    .replace('systemctl kill', `echo >> ${told} kill`);
  writeFileSync(file, forTest);
  chmodSync(file, 0o644);
  mkdirSync(path.join(directory, 'state'));
  const done = await run('logrotate', ['--force', '--state', path.join(directory, 'state/status'), file]);
  assert.deepEqual([done.code, done.stderr], [0, '']);
  assert.equal(readFileSync(`${log}.1`, 'utf8'), 'a line\n');
  assert.equal(readFileSync(told, 'utf8'), 'kill --kill-who=main --signal=USR1 ringmaster.service\n');
});
