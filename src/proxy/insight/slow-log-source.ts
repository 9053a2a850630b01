import type { SlowLog } from '../../figures/slow-request.ts';
import type { SlowLogSource } from '../../protocol/parser-options.ts';

/** The pool may have another name by the time it is asked. */
export function slowLogSource(log: () => SlowLog, onReset: () => void): SlowLogSource {
  return {
    get length() {
      return log().length;
    },
    newest: count => log().newest(count),
    reset: () => {
      log().clear();
      onReset();
    },
  };
}
