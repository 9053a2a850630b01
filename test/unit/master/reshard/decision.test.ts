import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { RefusedError } from '../../../../src/master/errors.ts';
import { type Decision, type DecisionEvent, nextDecision } from '../../../../src/master/reshard/decision.ts';

const RING = { servers: [], hash: 'murmur', hashTag: null, distribution: 'ketama' } as const;
const FIRST: Decision = {
  ...{ id: 'x', seq: 1, pool: 'red', phase: 'old', isBack: false, from: RING, to: RING, outcome: null },
  ...{ half: 'whole', otherwise: null },
};
const EVENTS: readonly DecisionEvent[] = ['acknowledged', 'refused', 'moved', 'expired', 'abort'];

const nameOf = ({ phase, isBack, outcome }: Decision) =>
  `${phase}${isBack ? ' back' : ''}${outcome ? ` ${outcome}` : ''}`;

function after(...events: readonly DecisionEvent[]): string {
  let decision = FIRST;
  for (const event of events) decision = nextDecision(decision, event) ?? decision;
  return nameOf(decision);
}

/** All decisions that any events lead to, with those that each leads to. */
function reachable(): Map<string, Map<DecisionEvent, Decision>> {
  const found = new Map<string, Map<DecisionEvent, Decision>>();
  const todo = [FIRST];
  for (let decision = todo.pop(); decision !== undefined; decision = todo.pop()) {
    if (found.has(nameOf(decision))) continue;
    const next = new Map<DecisionEvent, Decision>();
    found.set(nameOf(decision), next);
    for (const event of EVENTS) {
      try {
        const following = nextDecision(decision, event);
        if (following === null) continue;
        next.set(event, following);
        todo.push(following);
      } catch (error) {
        assert.ok(error instanceof RefusedError);
      }
    }
  }
  return found;
}

describe('the decisions of a reshard', () => {
  test('go forward to the new ring', () => {
    assert.equal(after('acknowledged'), 'hold');
    assert.equal(after('acknowledged', 'acknowledged'), 'both');
    assert.equal(after('acknowledged', 'acknowledged', 'moved'), 'new');
    assert.equal(after('acknowledged', 'acknowledged', 'moved', 'acknowledged'), 'over done');
  });

  test('drop what could not be found before the new ring is in force', () => {
    const both = ['acknowledged', 'acknowledged'] as const;
    assert.equal(after(...both, 'expired'), 'drop');
    assert.equal(after(...both, 'expired', 'acknowledged'), 'new');
    assert.throws(() => after(...both, 'expired', 'abort'), RefusedError);
  });

  test('stop where nothing has moved', () => {
    assert.equal(after('refused'), 'over stopped');
    assert.equal(after('abort'), 'over stopped');
    assert.equal(after('acknowledged', 'refused'), 'over stopped');
    assert.equal(after('acknowledged', 'abort'), 'over stopped');
  });

  test('go back by hold and both', () => {
    const both = ['acknowledged', 'acknowledged'] as const;
    assert.equal(after(...both, 'abort'), 'hold back');
    assert.equal(after(...both, 'abort', 'acknowledged'), 'both back');
    assert.equal(after(...both, 'abort', 'acknowledged', 'moved', 'acknowledged'), 'over back undone');
  });

  test('a hold on the way back that fails goes on forward', () => {
    assert.equal(after('acknowledged', 'acknowledged', 'abort', 'refused'), 'both');
  });

  test('whatever happens: both is entered from an acknowledged hold only, and left by moving or a hold', () => {
    for (const [name, next] of reachable()) {
      for (const [event, following] of next) {
        const step = `${name} ─ ${event} ─▶ ${nameOf(following)}`;
        if (nameOf(following) === 'both back') assert.equal(`${name} ${event}`, 'hold back acknowledged', step);
        if (nameOf(following) === 'both')
          assert.match(`${name} ${event}`, /^hold (?:acknowledged|back refused)$/, step);
        if (following.phase === 'new')
          assert.match(`${name} ${event}`, /^(?:both(?: back)? moved|drop(?: back)? acknowledged)$/, step);
        if (following.phase === 'drop') assert.match(`${name} ${event}`, /^both(?: back)? expired$/, step);
        if (following.outcome === 'stopped') assert.match(name, /^(?:old|hold)$/, step);
      }
    }
  });

  test('in halves one begins where the other has ended, whatever happens, and each end is whole', () => {
    // Of the keys that each half moves, where they are: at its beginning, at its end, or between.
    const starts = { decision: { ...FIRST, half: 'first' } as Decision, keys: ['begin', 'begin'] };
    const seen = new Set<string>();
    const ends = new Set<string>();
    const todo = [starts];
    for (let at = todo.pop(); at !== undefined; at = todo.pop()) {
      const { decision, keys } = at;
      const { phase, isBack, half, otherwise } = decision;
      const name = `${nameOf(decision)} ${half} ${JSON.stringify(otherwise)} ${keys}`;
      if (seen.has(name)) continue;
      seen.add(name);
      // What moves now is one of them, and the other one is all on one side: that of the halfway placement.
      const moving = (half === 'first') !== isBack ? 0 : 1;
      const after = [...keys];
      if (phase === 'both') {
        assert.equal(keys[1 - moving], moving === 0 ? 'begin' : 'end', name);
        after[moving] = 'between';
      }
      if (phase === 'new') assert.deepEqual(keys, isBack ? ['begin', 'begin'] : ['end', 'end'], name);
      if (phase === 'over') {
        assert.deepEqual(keys, decision.outcome === 'done' ? ['end', 'end'] : ['begin', 'begin'], name);
        ends.add(String(decision.outcome));
      }
      // Who can't list keys has no halves.
      for (const event of EVENTS.filter(each => each !== 'expired')) {
        let next: Decision | null = null;
        try {
          next = nextDecision(decision, event);
        } catch (error) {
          assert.ok(error instanceof RefusedError);
        }
        if (next === null) continue;
        const moved = after.with(moving, isBack ? 'begin' : 'end');
        todo.push({ decision: next, keys: event === 'moved' ? moved : after });
      }
    }
    assert.deepEqual([...ends].sort(), ['done', 'stopped', 'undone']);
  });

  test('each has a number of its own, and each end is an end', () => {
    for (const [name, next] of reachable()) {
      if (name.startsWith('over')) assert.equal(next.size, 0, name);
      for (const following of next.values()) assert.ok(following.seq > FIRST.seq);
    }
    assert.deepEqual([...reachable().keys()].filter(name => name.startsWith('over')).sort(), [
      'over back undone',
      'over done',
      'over stopped',
    ]);
  });

  test('an abort that comes too late is refused', () => {
    const decided = (phase: Decision['phase'], isBack = false) => ({ ...FIRST, phase, isBack });
    assert.throws(() => nextDecision(decided('new'), 'abort'), RefusedError);
    assert.throws(() => nextDecision(decided('over'), 'abort'), RefusedError);
    assert.throws(() => nextDecision(decided('both', true), 'abort'), RefusedError);
  });
});
