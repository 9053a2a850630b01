import { median, pairedRatio, type Ratio } from './medians.ts';

/** One round of one contender. Costs are microseconds of CPU per request. */
export interface Measurement {
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
  /** Of all the proxy's processes. */
  readonly cpuUs: number;
  readonly userUs: number;
  readonly systemUs: number;
  /** Of those that carry traffic: without Ringmaster's master. */
  readonly workersCpuUs: number;
  /** Cores that the proxy kept busy, and the process that made the load. 1 is a whole core. */
  readonly proxyCores: number;
  readonly generatorCores: number;
  /** At a fixed rate: how late the generator itself was for 99.9 % of its requests; 0 otherwise. */
  readonly lateP999Ms: number;
  /** Resident memory of all the proxy's processes after the round; what they share counts in each. */
  readonly residentBytes: number;
}

export type Figure = keyof Measurement;

const COMPARED = [
  'requestsPerSecond',
  'p50Ms',
  'p99Ms',
  'p999Ms',
  'maxMs',
  'cpuUs',
  'userUs',
  'systemUs',
  'residentBytes',
] as const;
const FIGURES: readonly Figure[] = [
  ...COMPARED,
  'requests',
  'workersCpuUs',
  'proxyCores',
  'generatorCores',
  'lateP999Ms',
];

export type Ratios = Record<(typeof COMPARED)[number], Ratio | null>;

/** What background clients cost a proxy in memory: its growth by them, load before and after being the same. */
export interface ClientMemory {
  readonly clients: number;
  readonly residentBytesWithout: number;
  readonly residentBytesWith: number;
  readonly bytesPerClient: number;
}

export interface ContenderResult {
  readonly name: string;
  readonly rounds: readonly Measurement[];
  readonly median: Measurement;
  /** Against the first contender; null for that one. */
  readonly ratios: Ratios | null;
  readonly clientMemory: ClientMemory | null;
}

/** Each figure's median over the rounds. */
export function medianOf(rounds: readonly Measurement[]): Measurement {
  const entries = FIGURES.map(figure => [figure, median(rounds.map(round => round[figure])) ?? 0]);
  return Object.fromEntries(entries) as Record<Figure, number>;
}

export function ratiosOf(rounds: readonly Measurement[], base: readonly Measurement[]): Ratios {
  const entries = COMPARED.map(figure => [
    figure,
    pairedRatio(
      rounds.map(round => round[figure]),
      base.map(round => round[figure]),
    ),
  ]);
  return Object.fromEntries(entries) as Ratios;
}
