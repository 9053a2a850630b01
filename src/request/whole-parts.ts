/** The requests of a transaction that came whole, one after the other: what limits ask of them. */
export class WholeParts {
  /** By the names of the protocol's table. */
  readonly commands: string[] = [];
  /** As the client sent them. */
  readonly sizesBytes: number[] = [];
  readonly keyCounts: number[] = [];

  get count(): number {
    return this.commands.length;
  }

  clear(): void {
    this.commands.length = 0;
    this.sizesBytes.length = 0;
    this.keyCounts.length = 0;
  }

  add(command: string, sizeBytes: number, keyCount: number): void {
    this.commands.push(command);
    this.sizesBytes.push(sizeBytes);
    this.keyCounts.push(keyCount);
  }

  /** How many of them are among `commands`. */
  countOf(commands: ReadonlySet<string>): number {
    let count = 0;
    for (const command of this.commands) if (commands.has(command)) count++;
    return count;
  }
}
