import assert from 'node:assert/strict';
import { existsSync, lstatSync, readdirSync, readFileSync, rmSync, symlinkSync, watch, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { PidFile } from '../../../src/master/pid-file.ts';
import { Child, temporaryDirectory } from '../../support/child.ts';

const PID = `${process.pid}\n`;
const newPath = () => path.join(temporaryDirectory('pid-file'), 'pid');

test('the pid file is complete when it appears, and nothing else is left', async () => {
  const file = newPath();
  const names: string[] = [];
  const pidFile = new PidFile(file);
  assert.equal(existsSync(file), false, 'not before it is written');
  const watcher = watch(path.dirname(file), (event, name) => names.push(`${event} ${name}`));
  pidFile.write();
  while (!names.includes('rename pid')) await new Promise(setImmediate);
  watcher.close();
  // The file itself was never changed: it got its name with everything in it.
  assert.ok(!names.includes('change pid'), names.join());
  assert.equal(readFileSync(file, 'utf8'), PID);
  assert.deepEqual(readdirSync(path.dirname(file)), ['pid']);
  pidFile.release();
  assert.deepEqual(readdirSync(path.dirname(file)), []);
});

test('a file that was left behind, and a device, are written in place', () => {
  const file = newPath();
  writeFileSync(file, '999999 and more\n');
  const { ino } = lstatSync(file);
  const pidFile = new PidFile(file);
  pidFile.write();
  assert.equal(readFileSync(file, 'utf8'), PID);
  assert.equal(lstatSync(file).ino, ino);
  pidFile.release();
  assert.ok(!existsSync(file));
  const device = new PidFile('/dev/null');
  device.write();
  device.release();
  assert.ok(lstatSync('/dev/null').isCharacterDevice());
});

test('a symbolic link is refused, and what it points to is left alone', () => {
  const file = newPath();
  writeFileSync(file, 'precious\n');
  symlinkSync(file, `${file}.link`);
  assert.throws(() => new PidFile(`${file}.link`), /cannot write the pid file .*pid\.link: it is a symbolic link$/);
  symlinkSync('/nowhere/at/all', `${file}.dangling`);
  assert.throws(() => new PidFile(`${file}.dangling`), /symbolic link/);
  assert.equal(readFileSync(file, 'utf8'), 'precious\n');
});

test('a pid file that cannot be written is an error with its name, before anything is written', () => {
  assert.throws(() => new PidFile('/nonexistent/pid'), /cannot write the pid file \/nonexistent\/pid: /);
  const directory = temporaryDirectory('pid-file');
  assert.throws(() => new PidFile(directory), /cannot write the pid file .*: it is no file/);
});

test('of a process that runs and has it open it is refused; a number that another process got is not', async t => {
  const file = newPath();
  const script = `const fs = require('node:fs'); const f = fs.openSync(${JSON.stringify(file)}, 'w');
    fs.writeSync(f, process.pid + '\\n'); console.log('there'); setInterval(() => {}, 1e6);`;
  const holder = new Child(process.execPath, ['-e', script]);
  t.after(() => holder.kill());
  await holder.until(() => holder.stdout().includes('there'), 'the file');
  assert.throws(() => new PidFile(file), new RegExp(`process ${holder.pid} has it, which is running$`));
  assert.equal(readFileSync(file, 'utf8'), `${holder.pid}\n`);
  // As if it had been left behind by another with that number.
  rmSync(file);
  writeFileSync(file, `${holder.pid}\n`);
  const pidFile = new PidFile(file);
  pidFile.write();
  assert.equal(readFileSync(file, 'utf8'), PID);
  pidFile.release();
});

test('one that appeared meanwhile is not replaced', () => {
  const file = newPath();
  const pidFile = new PidFile(file);
  writeFileSync(file, '1\n');
  assert.throws(() => pidFile.write(), /cannot write the pid file/);
  pidFile.release();
  assert.equal(readFileSync(file, 'utf8'), '1\n');
  assert.deepEqual(readdirSync(path.dirname(file)), ['pid']);
});

test('only the own pid file is removed', () => {
  const file = newPath();
  const other = new PidFile(file);
  other.write();
  writeFileSync(file, '1\n');
  other.release();
  assert.equal(readFileSync(file, 'utf8'), '1\n', 'somebody wrote another number into it');
  rmSync(file);
  const replaced = new PidFile(file);
  replaced.write();
  rmSync(file);
  writeFileSync(file, PID);
  replaced.release();
  assert.ok(existsSync(file), 'another file, even with the same number');
});
