import type { ChildProcess } from 'node:child_process';

/** For so long the flood is on, and for as long off, in turn: whatever else the machine does meanwhile is in both. */
const PHASE_MS = 400;
/** What was asked so soon after a change is not counted. */
const CHANGE_MS = 50;
/** One with fewer was not a whole one. */
const PHASE_MIN_REQUESTS = 100;

/** Latencies in ms of what was asked in one phase, in order of size. */
interface Phase {
  readonly isOn: boolean;
  readonly latencies: number[];
}

/** Turns the flood on and off, and tells latencies in ms by what it was. */
export class Phases {
  isOn: boolean;
  private readonly phases: Phase[] = [];
  private changedMs = performance.now();
  private readonly timer: NodeJS.Timeout;

  constructor(flood: ChildProcess, isOn = true) {
    this.isOn = isOn;
    this.phases.push({ isOn, latencies: [] });
    this.timer = setInterval(() => {
      this.isOn = !this.isOn;
      this.changedMs = performance.now();
      this.phases.push({ isOn: this.isOn, latencies: [] });
      flood.send(this.isOn ? 'on' : 'off');
    }, PHASE_MS);
  }

  /** Of a request that was sent then and is answered now. */
  add(sentMs: number): void {
    if (sentMs - this.changedMs >= CHANGE_MS) this.phases.at(-1)?.latencies.push(performance.now() - sentMs);
  }

  end(): void {
    clearInterval(this.timer);
    for (const { latencies } of this.phases) latencies.sort((a, b) => a - b);
  }

  /** The `part` quantile in ms of each phase with the flood on or off; of these the median, which a disturbance of one does not change. */
  typical(isOn: boolean, part: number): number {
    return median(this.whole.filter(phase => phase.isOn === isOn).map(phase => quantile(phase.latencies, part)));
  }

  /** The median of how many times as long it is with the flood on as in the phase before. */
  typicalRatio(part: number): number {
    const { whole } = this;
    const ratios: number[] = [];
    for (const [i, phase] of whole.entries()) {
      const before = whole[i - 1];
      if (phase.isOn && before !== undefined && !before.isOn)
        ratios.push(quantile(phase.latencies, part) / quantile(before.latencies, part));
    }
    return median(ratios);
  }

  private get whole(): Phase[] {
    return this.phases.filter(({ latencies }) => latencies.length >= PHASE_MIN_REQUESTS);
  }
}

function quantile(sorted: readonly number[], part: number): number {
  return sorted[Math.floor(part * (sorted.length - 1))] ?? Number.NaN;
}

function median(values: readonly number[]): number {
  return quantile(
    values.toSorted((a, b) => a - b),
    0.5,
  );
}
