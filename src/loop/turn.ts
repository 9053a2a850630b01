import { soon } from './rounds.ts';

/** Something that has work left for the end of the event-loop turn. */
export interface TurnTask {
  endTurn(): void;
}

/**
 * What is to be done once at the end of the event-loop turn, after all sockets that were ready have been read:
 * mostly the one write per connection. Runs at the end of the round of sockets that it was begun in, or else in libuv's
 * check phase, so a lone request waits for nobody.
 */
export class Turn {
  /** Filled up to `end`: setting an array's length is a call into the runtime, so it is not emptied. */
  private readonly tasks: (TurnTask | null)[] = [];
  private end = 0;
  /** Index of the task that runs next. */
  private next = 0;
  private isScheduled = false;
  private readonly runTasks = (): void => this.run();

  /** Calls `task.endTurn()` at the end of this turn. A task that is added twice runs twice: callers keep a flag. */
  defer(task: TurnTask): void {
    this.tasks[this.end++] = task;
    if (!this.isScheduled) {
      this.isScheduled = true;
      soon(this.runTasks);
    }
  }

  /** Tasks that tasks defer run in the same turn, after the others. */
  private run(): void {
    const { tasks } = this;
    try {
      while (this.next < this.end) {
        const task = tasks[this.next] as TurnTask;
        tasks[this.next++] = null;
        task.endTurn();
      }
      this.next = 0;
      this.end = 0;
      this.isScheduled = false;
    } finally {
      // A task threw. The worker still has to answer what is pending before it goes: the others run all the same.
      if (this.isScheduled) soon(this.runTasks);
    }
  }
}
