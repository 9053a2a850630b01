/** A command as a pool declares it; numbers are argument indexes, the name being 0. */
export interface DeclaredCommand {
  readonly name: string;
  readonly firstKey: number;
  /** Negative: counted from the end. */
  readonly lastKey: number;
  readonly keyStep: number;
  readonly isWrite: boolean;
}
