import type { StatKind } from '../figures/statistics.ts';

/** What there is to count of reshards. */
export interface ReshardFigures {
  /** The pool that is being resharded, and how far it is here; null: none is. */
  readonly active: { readonly pool: string; readonly phase: string } | null;
  /** By the movers of this daemon since it was started. */
  readonly keysMoved: number;
  readonly bytesMoved: number;
  /** What the reshard that is coordinated here was expected to move; 0: none is. */
  readonly keysExpected: number;
  readonly bytesExpected: number;
  /** It gets no further for the moment, or waits for the operator. */
  readonly isStuck: boolean;
}

export const RESHARD_METRICS: readonly {
  readonly name: string;
  readonly kind: StatKind;
  readonly help: string;
  readonly labels: readonly string[];
  samples(figures: ReshardFigures): { readonly labels: Readonly<Record<string, string>>; readonly value: number }[];
}[] = [
  {
    name: 'ringmaster_reshard_phase',
    kind: 'gauge',
    help: '1 for the pool that is being resharded and the phase it is in: old, hold, both, drop or new; nothing when none is',
    labels: ['pool', 'phase'],
    samples: ({ active }) => (active === null ? [] : [{ labels: { ...active }, value: 1 }]),
  },
  one('ringmaster_reshard_keys_moved_total', 'counter', 'keys that movers of this daemon have moved', 'keysMoved'),
  one('ringmaster_reshard_bytes_moved_total', 'counter', 'what these took in memory', 'bytesMoved'),
  one(
    'ringmaster_reshard_keys_expected',
    'gauge',
    'keys that the reshard coordinated here was to move',
    'keysExpected',
  ),
  one('ringmaster_reshard_bytes_expected', 'gauge', 'what these take in memory', 'bytesExpected'),
  one(
    'ringmaster_reshard_stuck',
    'gauge',
    '1 while the reshard coordinated here gets no further: a server or a proxy in trouble, big keys left, a pause',
    'isStuck',
  ),
];

function one(name: string, kind: StatKind, help: string, field: Exclude<keyof ReshardFigures, 'active'>) {
  return {
    ...{ name, kind, help, labels: [] },
    samples: (figures: ReshardFigures) => [{ labels: {}, value: Number(figures[field]) }],
  };
}
