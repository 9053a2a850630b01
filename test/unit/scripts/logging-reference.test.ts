import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { eventsOf, logEvents, withLogEvents } from '../../../scripts/logging-reference.ts';

test('docs/logging.md lists exactly what the source logs', () => {
  const document = readFileSync(new URL('../../../docs/logging.md', import.meta.url), 'utf8');
  assert.equal(document, withLogEvents(document), 'run: node scripts/logging-reference.ts');
});

test('the words, level, process and fields of a line are read from the source', () => {
  const source = `
    this.log.info({ pool: name, bytes }, 'one (thing), done');
    log?.warn(
      { ...event, why: f(a, 'no word') },
      'another',
    );
    const event = { slot: this.index, pid };
    const what = error instanceof Some ? 'left' : 'right';
    host.log.error({ by }, what);
    log.debug({ a: 1 }, isDown === 'x' ? 'down' : 'up');
    log.info(fields, message);
  `;
  const events = eventsOf(source, 'master/some.ts').map(({ message, level, fields }) => [message, level, ...fields]);
  assert.deepEqual(events, [
    ['one (thing), done', 'info', 'pool', 'bytes'],
    ['another', 'warn', 'slot', 'pid', 'why'],
    ['left', 'error', 'by'],
    ['right', 'error', 'by'],
    ['down', 'debug', 'a'],
    ['up', 'debug', 'a'],
  ]);
  assert.throws(() => eventsOf('log.info({ a }, words);', 'worker/some.ts'), /stand somewhere else/);
});

test('an event has one name: no two differ by their case or their end alone', () => {
  const names = new Set(logEvents().map(({ message }) => message));
  const plain = new Set([...names].map(name => name.toLowerCase().replace(/[.!]+$/, '')));
  assert.equal(plain.size, names.size);
});
