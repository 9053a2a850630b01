/** One thing wrong (or, as a warning, odd) in a configuration file. */
export interface ConfigProblem {
  /** As given to the loader. */
  readonly file: string;
  /** Counted from 1; 0: concerns the file as a whole. */
  readonly line: number;
  readonly column: number;
  /** Such as `pools.sessions.hash` or `pools.sessions.servers[2].weight`; empty for the document itself. */
  readonly path: string;
  /** What is wrong and what would be right. Never contains a secret. */
  readonly message: string;
}

/** `ringmaster.yml:12:14: pools.sessions.hash: unknown hash "fnv"; one of: …` */
export function formatProblem(problem: ConfigProblem): string {
  const where = problem.line > 0 ? `${problem.file}:${problem.line}:${problem.column}` : problem.file;
  return problem.path === '' ? `${where}: ${problem.message}` : `${where}: ${problem.path}: ${problem.message}`;
}

/** A configuration that cannot be used; `problems` holds everything found, in the order of the file. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    super(problems.map(formatProblem).join('\n'));
    this.problems = problems;
  }
}
