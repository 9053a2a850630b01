import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServerHealth } from '../../../../src/master/servers/server-health.ts';
import { FLAP_WINDOW_MS } from '../../../../src/placement/flap-penalty.ts';

const RULES = { failures: 3, successes: 2 };

/** Shows it one probe each second: `.` one that succeeded, `x` one that failed; where the verdict changed, `U` or `D`. */
function watch(health: ServerHealth, probes: string, clock = { nowMs: 0 }): string {
  return Array.from(probes, probe => {
    clock.nowMs += 1000;
    const isChange = health.observe(probe === 'x' ? 'refused' : null, clock.nowMs, RULES);
    return isChange ? (health.isUp ? 'U' : 'D') : probe;
  }).join('');
}

test('failures in a row take it down, successes in a row bring it back; one of the other kind begins anew', () => {
  assert.equal(watch(new ServerHealth(), '.xx.xx.xxx'), '.xx.xx.xxD');
  assert.equal(watch(new ServerHealth(), 'xxxx.x.x..'), 'xxDx.x.x.U');
  assert.equal(watch(new ServerHealth(), 'xxxxx..xx.xxx'), 'xxDxx.Uxx.xxD');
});

test('it knows why the last probe failed while it is down, and nothing when it is up', () => {
  const health = new ServerHealth();
  const rules = { failures: 1, successes: 1 };
  assert.equal(health.why, null);
  health.observe('refused', 0, rules);
  assert.equal(health.why, 'refused');
  health.observe('loading', 0, rules);
  assert.equal(health.why, 'loading');
  health.observe(null, 0, rules);
  assert.deepEqual([health.isUp, health.why], [true, null]);
});

test('one that keeps toggling needs twice the successes each time, until it has stayed for ten minutes', () => {
  const health = new ServerHealth();
  const clock = { nowMs: 0 };
  const needed: number[] = [];
  for (let i = 0; i < 8; i++) {
    assert.equal(watch(health, 'xxx', clock), 'xxD');
    const successes = health.successesNeeded(RULES);
    needed.push(successes);
    assert.equal(watch(health, '.'.repeat(successes), clock), `${'.'.repeat(successes - 1)}U`);
  }
  assert.deepEqual(needed, [2, 4, 8, 16, 32, 64, 64, 64]);
  clock.nowMs += FLAP_WINDOW_MS;
  watch(health, 'xxx', clock);
  assert.equal(health.successesNeeded(RULES), 2);
});

test('a failure among the successes makes one that toggles begin anew, not wait longer still', () => {
  const health = new ServerHealth();
  watch(health, 'xxx..');
  assert.equal(watch(health, 'xxx...x....'), 'xxD...x...U');
});
