import type { Clock } from '../../loop/clock.ts';
import type { Turn, TurnTask } from '../../loop/turn.ts';
import type { RequestCommand } from '../../request/request.ts';

/** So many wait for the end of the turn. */
const BATCH = 1024;

/**
 * Times requests from being read to their reply being written. Replies are written at the end of the turn, so those that
 * were settled in it wait for that, and the clock is read once for all of them.
 *
 *   settled ─▶ batch ─▶ end of turn, behind the outboxes that were waiting then ─▶ histograms of the commands
 */
export class ReplyTimer implements TurnTask {
  private readonly clock: Clock;
  private readonly turn: Turn;
  private readonly commands: (RequestCommand | null)[] = new Array<RequestCommand | null>(BATCH).fill(null);
  private readonly readAtUs = new Int32Array(BATCH);
  /** Of the same command, read at the same time: a pipeline. */
  private readonly times = new Uint32Array(BATCH);
  private length = 0;
  /** The outboxes that were waiting when the batch began have written. */
  private isBehind = false;

  constructor(clock: Clock, turn: Turn) {
    this.clock = clock;
    this.turn = turn;
  }

  /** The reply to a request that was read at `readAtUs` (see `Clock.nowUs`) is in the outbox. */
  settled(command: RequestCommand, readAtUs: number): void {
    const { length } = this;
    const last = length - 1;
    if (length > 0 && this.readAtUs[last] === readAtUs && this.commands[last] === command) {
      (this.times[last] as number)++;
      return;
    }
    if (length === 0) this.turn.defer(this);
    else if (length === BATCH) {
      this.record();
      this.settled(command, readAtUs);
      return;
    }
    this.commands[length] = command;
    this.readAtUs[length] = readAtUs;
    this.times[length] = 1;
    this.length = length + 1;
  }

  endTurn(): void {
    if (!this.isBehind) {
      this.isBehind = true;
      this.turn.defer(this);
      return;
    }
    this.isBehind = false;
    this.record();
  }

  private record(): void {
    const { commands, readAtUs, times } = this;
    this.clock.refresh();
    const { nowUs } = this.clock;
    for (let i = 0; i < this.length; i++) {
      const tookUs = (nowUs - (readAtUs[i] as number)) >>> 0;
      (commands[i] as RequestCommand).total.record(tookUs, times[i] as number);
    }
    this.length = 0;
  }
}
