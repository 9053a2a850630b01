// npm run audit: whether anything is known against what the package is made of. Fails for that and for nothing else: where the
// registry can't be asked, it says so.
import { spawnSync } from 'node:child_process';

export interface Verdict {
  readonly text: string;
  readonly isBad: boolean;
}

/** `output`: what `npm audit --json` printed. */
export function verdictOf(output: string): Verdict {
  const answer = parse(output);
  const found = answer?.vulnerabilities;
  if (!isMap(found)) {
    const why = [answer?.message, (answer?.error as { summary?: unknown } | undefined)?.summary].find(isText);
    return {
      text: `not audited: the registry could not be asked${why === undefined ? '' : ` (${why})`}`,
      isBad: false,
    };
  }
  const lines = Object.entries(found).map(([name, { severity, via }]) => {
    const titles = (via ?? []).flatMap(each => (isMap(each) && isText(each.title) ? [each.title] : []));
    return `${name}: ${severity}${titles.length === 0 ? '' : `: ${titles.join('; ')}`}`;
  });
  if (lines.length === 0)
    return { text: 'audited: nothing is known against what the package is made of', isBad: false };
  return { text: ['audited: these have known faults', ...lines].join('\n'), isBad: true };
}

interface Answer {
  readonly vulnerabilities?: Readonly<
    Record<string, { readonly severity?: string; readonly via?: readonly unknown[] }>
  >;
  readonly message?: unknown;
  readonly error?: unknown;
}

function parse(output: string): Answer | null {
  try {
    return JSON.parse(output);
  } catch {
    return null;
  }
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

if (import.meta.main) {
  const { stdout } = spawnSync('npm', ['audit', '--omit=dev', '--json'], { encoding: 'utf8', timeout: 120_000 });
  const { text, isBad } = verdictOf(stdout ?? '');
  console.log(text);
  process.exitCode = isBad ? 1 : 0;
}
