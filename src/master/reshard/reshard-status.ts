import type { BigKey } from '../../mover/mover-job.ts';
import type { Coordinator } from './coordinator.ts';
import type { DecidedPhase, Outcome } from './decision.ts';
import type { Participant } from './participant.ts';
import type { ParticipantState } from './participant-state.ts';
import type { PeerState } from './peer.ts';
import { paceText } from './start-request.ts';

/** What there is to tell of the reshard that goes on, or of the last one. */
export interface ReshardStatus extends PeerState {
  readonly reshard: null | {
    readonly id: string;
    readonly pool: string;
    /** Of this proxy. */
    readonly phase: DecidedPhase;
    readonly isBack: boolean;
    readonly outcome: Outcome | null;
    readonly coordinator: string;
    /** Only where it is coordinated, until it is over. */
    readonly plan: null | {
      readonly phase: DecidedPhase;
      readonly by: string;
      /** ISO 8601. */
      readonly startedAt: string;
      readonly pace: string;
      readonly isPaused: boolean;
      readonly bigKeys: string;
      /** Why it goes back, or was stopped. */
      readonly why: string | null;
      readonly participants: readonly ParticipantState[];
      /** What was expected. */
      readonly movingKeys: number;
      readonly movingBytes: number;
      readonly keysMoved: number;
      readonly bytesMoved: number;
      /** null: nothing is being moved. */
      readonly secondsLeft: number | null;
      /** Servers that can't list their keys: these move when they are asked for, until so many seconds have passed. */
      readonly unlisted: readonly string[];
      readonly expiresInSeconds: number | null;
      readonly moverPid: number | null;
      readonly trouble: string | null;
      /** Too big for a step: they wait, or are left; the first 100. */
      readonly big: readonly BigKey[];
      readonly left: number;
    };
  };
}

/** Rates are taken over so long at least. */
const RATE_AFTER_MS = 1000;

export function reshardStatus(
  peer: Omit<PeerState, 'isActive'>,
  own: Participant,
  coordinator: Coordinator | null,
): ReshardStatus {
  const { record } = own;
  if (record === null) return { ...peer, isActive: false, reshard: null };
  const { id, pool, phase, isBack, outcome } = record.decision;
  return {
    ...peer,
    isActive: own.active !== null,
    reshard: {
      ...{ id, pool, phase, isBack, outcome, coordinator: record.coordinator },
      plan: record.plan === null || coordinator === null ? null : planOf(coordinator),
    },
  };
}

type PlanStatus = NonNullable<NonNullable<ReshardStatus['reshard']>['plan']>;

function planOf(coordinator: Coordinator): PlanStatus {
  const { plan, current, participants, moved, moverPid, left, movingForMs, trouble, expiresInMs } = coordinator;
  const { by, startedAtMs, paceBytes, isPaused, bigKeys, why, movingKeys, movingBytes, unlisted } = plan;
  const isBringing = current.phase === 'both' && unlisted.length > 0;
  const { keysMoved = 0, bytesMoved = 0, big = [] } = moved ?? {};
  const isMoving = moverPid !== null && movingForMs >= RATE_AFTER_MS && bytesMoved > 0;
  const bytesLeft = Math.max(0, movingBytes - bytesMoved);
  return {
    phase: current.phase,
    ...{ by, startedAt: new Date(startedAtMs).toISOString(), pace: paceText(paceBytes), isPaused, bigKeys, why },
    ...{ participants, movingKeys, movingBytes, keysMoved, bytesMoved, trouble, big, left, moverPid },
    ...{ unlisted, expiresInSeconds: isBringing ? Math.ceil(expiresInMs / 1000) : null },
    secondsLeft: isMoving ? Math.ceil((bytesLeft * movingForMs) / bytesMoved / 1000) : null,
  };
}
