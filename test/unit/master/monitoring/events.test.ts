import assert from 'node:assert/strict';
import { test } from 'node:test';
import { logEvents } from '../../../../scripts/logging-reference.ts';
import { EVENT_NAMES, Events, type RingmasterEvent } from '../../../../src/master/monitoring/events.ts';
import { CollectedLog } from '../../../support/collected-log.ts';

function make() {
  const told: RingmasterEvent[] = [];
  const log = new CollectedLog();
  const events = new Events(event => told.push(event));
  return { events, log: events.from(log), raw: log, told };
}

test('what is an event is kept and told; the rest is only logged', () => {
  const { events, log, raw, told } = make();
  log.warn({ pool: 'p', server: 'a' }, 'server ejected');
  log.info({ x: 1 }, 'something else');
  const [event] = events.list();
  assert.deepEqual(
    [event!.id, event!.event, event!.level, event!.message, event!.details],
    [1, 'server_ejected', 'warn', 'server ejected', { pool: 'p', server: 'a' }],
  );
  assert.deepEqual(told, [event]);
  assert.equal(events.list().length, 1);
  assert.deepEqual(raw.lines, ['warn server ejected', 'info something else']);
});

test('the newest 1,000 are kept, the newest first', () => {
  const { events, log } = make();
  for (let i = 0; i < 1005; i++) log.info({ i }, 'worker serves');
  const list = events.list();
  assert.deepEqual([list.length, list[0]!.id, list.at(-1)!.id], [1000, 1005, 6]);
  assert.deepEqual(
    events.list(1003).map(({ id }) => id),
    [1005, 1004],
  );
});

test('of a large one only plain values are kept', () => {
  const { events, log } = make();
  log.info(
    { by: 'me', added: Array.from({ length: 500 }, (_, i) => `pool-${i}`) },
    'configuration reloaded: every worker has it',
  );
  assert.deepEqual(events.list()[0]!.details, { by: 'me' });
});

test('its name stands in the log', () => {
  const fields: object[] = [];
  const take = (each: object) => void fields.push(each);
  const log = new Events(() => {}).from({ debug: take, info: take, warn: take, error: take });
  log.error({ slot: 1 }, 'worker died; another takes its place');
  assert.deepEqual(fields, [{ event: 'worker_died', slot: 1 }]);
});

test('all words that are events are words of the log', () => {
  const logged = new Set(logEvents().map(({ message }) => message));
  assert.deepEqual(
    [...EVENT_NAMES.keys()].filter(message => !logged.has(message)),
    [],
  );
});
