import { ConfigError, formatProblem } from '../../src/config/errors.ts';
import { parseConfig } from '../../src/config/load.ts';

/**
 * What `parseConfig` has against `text`, each as `line:column: path: message`; empty when it is good. `file`: what paths of secrets
 * are relative to.
 */
export function configProblems(text: string, file = 'f'): string[] {
  try {
    parseConfig(text, file);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map(problem =>
      formatProblem(problem)
        .slice(file.length + 1)
        .trimStart(),
    );
  }
}
