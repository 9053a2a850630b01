/** More are hardly ever left at once; the oldest are then taken for gone. */
const KEPT_MAX = 256;

/** Connections to one server that went with requests on them: until the server has seen their end, it may yet do those. */
export class Unanswered {
  /** Our ends of them, as the server sees them. */
  private ends: string[] = [];

  get isEmpty(): boolean {
    return this.ends.length === 0;
  }

  /** `local`: our end of the connection; empty: nobody knows. */
  add(local: string): void {
    if (local === '') return;
    if (this.ends.length === KEPT_MAX) this.ends.shift();
    this.ends.push(local);
  }

  all(): readonly string[] {
    return [...this.ends];
  }

  /** The server has them no more. */
  forget(ends: readonly string[]): void {
    this.ends = this.ends.filter(end => !ends.includes(end));
  }
}
