import { ConfigError, formatProblem } from '../../src/config/errors.ts';
import { parseConfig } from '../../src/config/load.ts';

/** What `parseConfig` has against `text`, each as `line:column: path: message`; empty when it is good. */
export function configProblems(text: string): string[] {
  try {
    parseConfig(text, 'f');
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map(problem => formatProblem(problem).replace(/^f:( )?/, ''));
  }
}
