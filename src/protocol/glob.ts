/** Longest pattern that is matched; the longest name it is ever held against has some thirty bytes. */
export const MAX_GLOB_LENGTH = 256;

const STAR = 0;
const ANY = 1;
const CHAR = 2;
const SET = 3;

/** One thing that a pattern says: any text, any character, one character, or one of a set. */
interface GlobElement {
  readonly kind: typeof STAR | typeof ANY | typeof CHAR | typeof SET;
  readonly char: string;
  readonly isNegated: boolean;
  /** Pairs of the lowest and highest character of each range. */
  readonly ranges: string;
}

/**
 * A glob pattern in the manner of Redis's stringmatchlen (`*`, `?`, `[a-z]`, `[^x]`, `\x`), read once. Letters are compared
 * as they are: give both in lower case to compare without case. An element takes one character and only the last `*` is
 * gone back to, so that matching takes text² / 2 steps at most and one for each `*`, whatever the pattern; the text is ours
 * and short.
 */
export class Glob {
  private readonly elements: readonly GlobElement[];

  private constructor(elements: readonly GlobElement[]) {
    this.elements = elements;
  }

  /** Null: the pattern is longer than MAX_GLOB_LENGTH. */
  static read(pattern: string): Glob | null {
    return pattern.length > MAX_GLOB_LENGTH ? null : new Glob(elementsOf(pattern));
  }

  matches(text: string): boolean {
    const { elements } = this;
    let at = 0;
    let t = 0;
    let starAt = -1;
    let starText = 0;
    while (t < text.length) {
      const element = elements[at];
      if (element?.kind === STAR) {
        starAt = at++;
        starText = t;
      } else if (element !== undefined && isTaken(element, text[t]!)) {
        at++;
        t++;
      } else if (starAt >= 0) {
        at = starAt + 1;
        t = ++starText;
      } else return false;
    }
    while (elements[at]?.kind === STAR) at++;
    return at === elements.length;
  }
}

function isTaken({ kind, char, ranges, isNegated }: GlobElement, given: string): boolean {
  if (kind === ANY) return true;
  if (kind === CHAR) return char === given;
  let isIn = false;
  for (let i = 0; i < ranges.length; i += 2) if (given >= ranges[i]! && given <= ranges[i + 1]!) isIn = true;
  return isIn !== isNegated;
}

function elementsOf(pattern: string): GlobElement[] {
  const elements: GlobElement[] = [];
  let at = 0;
  while (at < pattern.length) {
    const char = pattern[at++]!;
    if (char === '*') {
      // Several in a row say no more than one.
      if (elements.at(-1)?.kind !== STAR) elements.push({ kind: STAR, char, isNegated: false, ranges: '' });
    } else if (char === '?') elements.push({ kind: ANY, char, isNegated: false, ranges: '' });
    else if (char === '[') {
      const isNegated = pattern[at] === '^';
      const [ranges, end] = rangesOf(pattern, isNegated ? at + 1 : at);
      elements.push({ kind: SET, char, isNegated, ranges });
      at = end;
    } else {
      const isEscape = char === '\\' && at < pattern.length;
      elements.push({ kind: CHAR, char: isEscape ? pattern[at++]! : char, isNegated: false, ranges: '' });
    }
  }
  return elements;
}

/** The ranges of the set whose first character is at `from`, and the position after its `]`. A set need not be closed. */
function rangesOf(pattern: string, from: number): [string, number] {
  let ranges = '';
  let at = from;
  for (; at < pattern.length && pattern[at] !== ']'; at++) {
    const isEscaped = pattern[at] === '\\' && at + 1 < pattern.length;
    if (isEscaped) at++;
    const low = pattern[at]!;
    let high = low;
    if (!isEscaped && pattern[at + 1] === '-' && at + 2 < pattern.length) {
      high = pattern[at + 2]!;
      at += 2;
    }
    ranges += low <= high ? low + high : high + low;
  }
  return [ranges, Math.min(at + 1, pattern.length)];
}
