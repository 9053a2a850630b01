import assert from 'node:assert/strict';
import { existsSync, lstatSync, readdirSync, readFileSync, symlinkSync, watch, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { removePidFile, writePidFile } from '../../../src/master/pid-file.ts';
import { temporaryDirectory } from '../../support/child.ts';

const PID = `${process.pid}\n`;

test('the pid file is complete when it appears, and nothing else is left', async () => {
  const dir = temporaryDirectory('pid-file');
  const file = path.join(dir, 'pid');
  const names: string[] = [];
  const watcher = watch(dir, (event, name) => names.push(`${event} ${name}`));
  writePidFile(file);
  while (!names.includes('rename pid')) await new Promise(setImmediate);
  watcher.close();
  // The file itself was never changed: it got its name with everything in it.
  assert.ok(!names.includes('change pid'), names.join());
  assert.equal(readFileSync(file, 'utf8'), PID);
  assert.deepEqual(readdirSync(dir), ['pid']);
});

test('a file, link or device that is there is written in place', () => {
  const dir = temporaryDirectory('pid-file');
  const file = path.join(dir, 'pid');
  const link = path.join(dir, 'link');
  writeFileSync(file, '999999 and more\n');
  symlinkSync(file, link);
  writePidFile(link);
  assert.ok(lstatSync(link).isSymbolicLink());
  assert.equal(readFileSync(file, 'utf8'), PID);
  writePidFile('/dev/null');
  assert.ok(lstatSync('/dev/null').isCharacterDevice());
});

test('a pid file that cannot be written is an error with its name', () => {
  assert.throws(() => writePidFile('/nonexistent/pid'), /cannot write the pid file \/nonexistent\/pid: /);
});

test('only the own pid file is removed', () => {
  const file = path.join(temporaryDirectory('pid-file'), 'pid');
  writeFileSync(file, '1\n');
  removePidFile(file);
  assert.ok(existsSync(file));
  writePidFile(file);
  removePidFile(file);
  assert.ok(!existsSync(file));
  removePidFile(file);
});
