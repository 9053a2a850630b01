const MAX_DISTANCE = 2;

/** The name most like `wrong` when one is like enough to be what was meant; else null. */
export function closestName(wrong: string, names: readonly string[]): string | null {
  const longest = names.reduce((length, name) => Math.max(length, name.length), 0);
  // Normalizing only makes it longer.
  if (wrong.length > longest + MAX_DISTANCE) return null;
  let best: string | null = null;
  let bestDistance = MAX_DISTANCE + 1;
  for (const name of names) {
    const distance = editDistance(normalize(wrong), name);
    if (distance < bestDistance && distance < name.length / 2) {
      best = name;
      bestDistance = distance;
    }
  }
  return best;
}

function normalize(name: string): string {
  return name
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .replaceAll('-', '_');
}

/** Levenshtein's distance, one row at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, substitution));
    }
    row = next;
  }
  return row[b.length]!;
}
