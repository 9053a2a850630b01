// For each command of Redis 7.0: requests whose replies through Ringmaster are compared with a server's own. They run in
// order on a fresh copy of what data.ts has.

/** How a reply is compared. */
export type Comparison =
  /** Byte for byte. */
  | 'exact'
  /** With every run of digits alike: times, ids, versions. */
  | 'masked'
  /** As an array whose order is open. */
  | 'unordered'
  /** With what Ringmaster is known to answer, since it speaks for itself here and not for a server. */
  | RegExp;

export interface CommandCase {
  readonly line: string;
  readonly as: Comparison;
  /** The same in RESP3, when that differs. */
  readonly asResp3?: Comparison;
  /** Why it is not compared byte for byte. */
  readonly why: string;
}

export type CaseList = readonly (string | CommandCase)[];

/** Compared with every number alike. */
export const masked = (why: string, line: string): CommandCase => ({ line, as: 'masked', why });
/** Compared as an array in any order. */
export const unordered = (line: string): CommandCase => ({ line, as: 'unordered', why: 'a hash table has no order' });
/** Answered by Ringmaster in its own way, whatever a server says. */
export const own = (why: string, line: string, as: RegExp, asResp3: RegExp = as): CommandCase => ({
  line,
  as,
  asResp3,
  why,
});
