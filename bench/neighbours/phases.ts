import type { ChildProcess } from 'node:child_process';

/** For so long the flood is on, and for as long off, in turn: whatever else the machine does meanwhile is in both. */
const PHASE_MS = 400;
/** What was asked so soon after a change is not counted. */
const CHANGE_MS = 50;

/** Turns the flood on and off, and tells latencies in ms by what it was. */
export class Phases {
  readonly off: number[] = [];
  readonly on: number[] = [];
  isOn: boolean;
  private changedMs = performance.now();
  private readonly timer: NodeJS.Timeout;

  constructor(flood: ChildProcess, isOn = true) {
    this.isOn = isOn;
    this.timer = setInterval(() => {
      this.isOn = !this.isOn;
      this.changedMs = performance.now();
      flood.send(this.isOn ? 'on' : 'off');
    }, PHASE_MS);
  }

  /** Of a request that was sent then and is answered now. */
  add(sentMs: number): void {
    if (sentMs - this.changedMs >= CHANGE_MS) (this.isOn ? this.on : this.off).push(performance.now() - sentMs);
  }

  end(): void {
    clearInterval(this.timer);
    for (const latencies of [this.off, this.on]) latencies.sort((a, b) => a - b);
  }
}
