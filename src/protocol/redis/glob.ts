/**
 * Whether `text` matches a glob pattern in the manner of Redis (`*`, `?`, `[a-z]`, `[^x]`, `\x`), letters compared without
 * case. Both are in lower case. Takes at most pattern × text steps, whatever the pattern: only the last `*` is gone back to.
 */
export function matchesGlob(pattern: string, text: string): boolean {
  let p = 0;
  let t = 0;
  let starAt = -1;
  let starText = 0;
  while (t < text.length) {
    if (p < pattern.length && pattern[p] === '*') {
      starAt = p++;
      starText = t;
      continue;
    }
    const next = p < pattern.length ? matchOne(pattern, p, text[t]!) : -1;
    if (next >= 0) {
      p = next;
      t++;
    } else if (starAt >= 0) {
      p = starAt + 1;
      t = ++starText;
    } else return false;
  }
  while (pattern[p] === '*') p++;
  return p === pattern.length;
}

/** The position after the pattern's element at `at` when it matches `char`, else -1. */
function matchOne(pattern: string, at: number, char: string): number {
  if (pattern[at] === '?') return at + 1;
  if (pattern[at] === '[') return matchSet(pattern, at + 1, char);
  const literal = pattern[at] === '\\' && at + 1 < pattern.length ? at + 1 : at;
  return pattern[literal] === char ? literal + 1 : -1;
}

function matchSet(pattern: string, from: number, char: string): number {
  const isNegated = pattern[from] === '^';
  let at = isNegated ? from + 1 : from;
  let isIn = false;
  for (; at < pattern.length && pattern[at] !== ']'; at++) {
    if (pattern[at] === '\\' && at + 1 < pattern.length) at++;
    const low = pattern[at]!;
    if (pattern[at + 1] === '-' && at + 2 < pattern.length) {
      const high = pattern[at + 2]!;
      at += 2;
      if ((char >= low && char <= high) || (char >= high && char <= low)) isIn = true;
    } else if (low === char) isIn = true;
  }
  return isIn !== isNegated ? Math.min(at + 1, pattern.length) : -1;
}
