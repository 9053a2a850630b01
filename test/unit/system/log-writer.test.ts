import assert from 'node:assert/strict';
import { readFileSync, renameSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { LogWriter, MAX_UNWRITTEN_BYTES } from '../../../src/system/log-writer.ts';
import { temporaryDirectory } from '../../support/child.ts';
import { Fifo } from '../../support/fifo.ts';
import { waitFor } from '../../support/wait-for.ts';

const line = (i: number) => `${String(i).padStart(8)} ${'x'.repeat(1000)}\n`;

test('a pipe that is not read: lines wait, then are dropped and counted; what is read is in order and whole', async t => {
  const fifo = new Fifo(t);
  fifo.fill();
  const recovered: number[] = [];
  const writer = new LogWriter(fifo.path, lines => recovered.push(lines));
  const count = Math.ceil((2 * MAX_UNWRITTEN_BYTES) / line(0).length);
  for (let i = 0; i < count; i++) writer.write(line(i));
  const kept = Math.floor(MAX_UNWRITTEN_BYTES / line(0).length);
  assert.equal(writer.droppedLines, count - kept);
  assert.deepEqual(recovered, []);

  let text = '';
  await waitFor(
    () => {
      text += fifo.read();
      return recovered.length > 0;
    },
    { what: 'the queue to empty' },
  );
  text += fifo.read();
  assert.equal(
    text.trimStart(),
    Array.from({ length: kept }, (_, i) => line(i))
      .join('')
      .trimStart(),
  );
  assert.deepEqual(recovered, [count - kept]);
  writer.write('on it goes\n');
  assert.equal(fifo.read(), 'on it goes\n');
  assert.equal(writer.droppedLines, count - kept);
});

test('a disk that is full: lines are lost and counted, and nobody is told again and again', async () => {
  const recovered: number[] = [];
  const writer = new LogWriter('/dev/full', lines => {
    recovered.push(lines);
    writer.write('lines were dropped\n');
  });
  for (let i = 0; i < 5; i++) writer.write(line(i));
  assert.equal(writer.droppedLines, 5);
  assert.deepEqual(recovered, []);
});

test('a file: all lines in order, also over a rotation', async () => {
  const file = path.join(temporaryDirectory('log'), 'log');
  const writer = new LogWriter(file, () => {});
  for (let i = 0; i < 50; i++) writer.write(line(i));
  await waitFor(() => readFileSync(file).length === 50 * line(0).length, { what: 'the lines' });
  renameSync(file, `${file}.1`);
  for (let i = 50; i < 60; i++) writer.write(line(i));
  writer.open(file);
  for (let i = 60; i < 100; i++) writer.write(line(i));
  writer.end();
  const lines = () => readFileSync(`${file}.1`, 'utf8') + readFileSync(file, 'utf8');
  await waitFor(() => lines().length === 100 * line(0).length, { what: 'all lines' });
  const numbers = lines()
    .trimEnd()
    .split('\n')
    .map(each => Number(each.slice(0, 8)));
  assert.deepEqual(
    numbers.toSorted((a, b) => a - b),
    Array.from({ length: 100 }, (_, i) => i),
  );
});

test('a file that cannot be opened is an error with its name, and the writer goes on where it was', async () => {
  const file = path.join(temporaryDirectory('log'), 'log');
  const writer = new LogWriter(file, () => {});
  assert.throws(() => writer.open('/nowhere/log'), /\/nowhere\/log/);
  writer.write('still here\n');
  await waitFor(() => readFileSync(file, 'utf8') === 'still here\n', { what: 'the line' });
});

test('at the end what waits is written, within a bound', t => {
  const fifo = new Fifo(t);
  const writer = new LogWriter(fifo.path, () => {});
  fifo.fill();
  writer.write('last words\n');
  writer.end(0);
  assert.doesNotMatch(fifo.read(), /last words/);
  writer.end(0);
  assert.equal(fifo.read(), 'last words\n');
});

test('what is lost is said at its beginning, and what waits when it is closed is lost too', t => {
  const fifo = new Fifo(t);
  let told = 0;
  const writer = new LogWriter(fifo.path, () => {}, { onLosing: () => told++ });
  fifo.fill();
  for (let i = 0; i < 3; i++) writer.write(`${i}\n`);
  assert.deepEqual([writer.droppedLines, told], [0, 0]);
  writer.close();
  assert.deepEqual([writer.droppedLines, told], [3, 1]);
  const full = new LogWriter('/dev/full', () => {}, { onLosing: () => told++ });
  full.write('one\n');
  full.write('two\n');
  assert.deepEqual([full.droppedLines, told], [2, 2]);
});

test('half a line is not the beginning of another file', async t => {
  const fifo = new Fifo(t);
  const writer = new LogWriter(fifo.path, () => {});
  // Larger than what a pipe takes whole.
  writer.write(`${'x'.repeat(100_000)}\n`);
  writer.write('next\n');
  const file = path.join(temporaryDirectory('log'), 'log');
  writer.open(file);
  await waitFor(() => readFileSync(file, 'utf8') === 'next\n', { what: 'the next line' });
  assert.equal(writer.droppedLines, 1);
});
