import { setTimeout as delay } from 'node:timers/promises';
import { BackOff } from './back-off.ts';

/**
 * The time that two servers have for others between two steps of a walk: as long as a step wants, and many times that while they
 * are slow to answer.
 */
export class Breaks {
  private readonly backOff = new BackOff();
  private readonly wait: (ms: number) => Promise<unknown>;
  private readonly nowMs: () => number;

  constructor(wait: (ms: number) => Promise<unknown> = delay, nowMs: () => number = () => performance.now()) {
    this.wait = wait;
    this.nowMs = nowMs;
  }

  /**
   * `least`: how long the break is where nobody is slow; `unit`: how much longer for each time that they are. `asks`: each asks one
   * of the servers what costs it nothing.
   */
  async take(
    { least, unit }: { readonly least: number; readonly unit: number },
    asks: readonly (() => Promise<unknown>)[],
  ): Promise<void> {
    const ms = least + unit * (this.backOff.factor - 1);
    if (ms > 0) await this.wait(ms);
    const answers = await Promise.all(asks.map(ask => this.answerMs(ask)));
    this.backOff.answered(Math.max(...answers));
  }

  private async answerMs(ask: () => Promise<unknown>): Promise<number> {
    const startedAtMs = this.nowMs();
    await ask();
    return this.nowMs() - startedAtMs;
  }
}
