import type { Half, RingSettings } from '../../config/tables/ring-settings.ts';
import { RefusedError } from '../errors.ts';

/**
 * `drop`: `both`, but keys that are still where they were are dropped there when they are asked for. `over`: the ring of the file is
 * in force, and nothing of this is left. Else as in ipc/reshard-state.ts.
 */
export type DecidedPhase = 'old' | 'hold' | 'both' | 'drop' | 'new' | 'over';

/** `done`: by the new ring. `undone`: taken back by `abort`. `stopped`: it never came to move anything. */
export type Outcome = 'done' | 'undone' | 'stopped';

/** What the coordinator has decided, and every participant is to do: plain data, written before it is told or acknowledged. */
export interface Decision {
  readonly id: string;
  /** Grows with every decision: an older one that comes late is refused. */
  readonly seq: number;
  readonly pool: string;
  readonly phase: DecidedPhase;
  /** It goes back to `from`, which is the ring that keys move to then. */
  readonly isBack: boolean;
  /** Of the way that keys go now; on the way back its first half ends halfway, too. */
  readonly half: Half;
  /** Of `hold` after keys have moved: what goes on in `both` when not all hold. */
  readonly otherwise: Pick<Decision, 'isBack' | 'half'> | null;
  readonly from: RingSettings;
  readonly to: RingSettings;
  /** Of `over` only. */
  readonly outcome: Outcome | null;
}

export type DecisionEvent =
  /** Every participant is in the phase. */
  | 'acknowledged'
  /** A participant refuses, or has not acknowledged for too long. */
  | 'refused'
  /** Nothing that moves is left where it was. */
  | 'moved'
  /** What can be found has moved, and the time is over that was given for the rest. */
  | 'expired'
  /** The operator wants to have it back as it was. */
  | 'abort';

/**
 * The next decision, or null when the event changes nothing:
 *
 *   old ─▶ hold ─▶ both ── moved ─▶ new ─▶ over (done)
 *    │      │       │ ▲
 *    │      │ abort ▼ │ refused
 *    │      │     hold ─▶ both ── moved ─▶ new ─▶ over (undone)        back
 *    └──────┴─ refused, abort ─▶ over (stopped)
 *
 * Where keys can't be listed, `both` ends with `expired ─▶ drop ─ acknowledged ─▶ new`: when `new` begins, nobody copies a key any
 * more that another may have deleted by then.
 *
 * In halves `hold` and `both` of the second half come after `both` of the first, forward and back:
 *
 *   old ─▶ hold ─▶ both ── moved ─▶ hold ─▶ both ── moved ─▶ new
 *                  first ◀── refused ──┘    second
 *
 * Nobody enters `both` before all have acknowledged `hold`; once `both` is decided, it does not end but by moving. Throws a
 * RefusedError for an abort that comes too late.
 */
export function nextDecision(decision: Decision, event: DecisionEvent): Decision | null {
  const { phase, isBack, half, otherwise } = decision;
  const to = (next: DecidedPhase, changes: Partial<Decision> = {}): Decision => ({
    ...decision,
    phase: next,
    seq: decision.seq + 1,
    ...changes,
  });
  switch (event) {
    case 'acknowledged':
      if (phase === 'old') return to('hold');
      if (phase === 'hold') return to('both', { otherwise: null });
      if (phase === 'drop') return to('new');
      return phase === 'new' ? to('over', { outcome: isBack ? 'undone' : 'done' }) : null;
    case 'refused':
      if (phase === 'hold' && otherwise !== null) return to('both', { ...otherwise, otherwise: null });
      return phase === 'old' || phase === 'hold' ? to('over', { outcome: 'stopped' }) : null;
    case 'moved':
      if (phase !== 'both') return null;
      return half === 'first' ? to('hold', { half: 'second', otherwise: { isBack, half } }) : to('new');
    case 'expired':
      return phase === 'both' ? to('drop') : null;
    case 'abort':
      if (isBack) throw new RefusedError('it goes back already');
      // What was gone last is gone back first; in hold nothing of its half has been gone yet, and all is halfway.
      if (phase === 'hold' && otherwise !== null) return to('hold', { isBack: true, half: 'second' });
      if (phase === 'old' || phase === 'hold') return to('over', { outcome: 'stopped' });
      if (phase === 'both') {
        return to('hold', { isBack: true, half: otherHalf(half), otherwise: { isBack: false, half } });
      }
      throw new RefusedError('every key is on its new server already; start another one with the old file');
  }
}

/** The half that is left, or the one that leads the other way over the same part. */
export function otherHalf(half: Half): Half {
  if (half === 'whole') return half;
  return half === 'first' ? 'second' : 'first';
}
