/** More that wait are refused. */
const WAITING_MAX = 8;

/** Has what comes of one origin done one after the other. */
export class Turns<Origin extends object> {
  private readonly waiting = new WeakMap<Origin, (() => Promise<void>)[]>();

  /** Runs `task`, which does not reject, when those before it are done; false: too many wait. */
  take(origin: Origin, task: () => Promise<void>): boolean {
    const tasks = this.waiting.get(origin);
    if (tasks === undefined) void this.run(origin, [task]);
    else if (tasks.length > WAITING_MAX) return false;
    else tasks.push(task);
    return true;
  }

  private async run(origin: Origin, tasks: (() => Promise<void>)[]): Promise<void> {
    this.waiting.set(origin, tasks);
    for (let next = tasks[0]; next !== undefined; next = tasks[0]) {
      await next();
      tasks.shift();
    }
    this.waiting.delete(origin);
  }
}
