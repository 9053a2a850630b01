// What queries ask for, held against what /metrics has. docs/metrics.md lists that exactly; a unit test sees to it.
import { readFileSync } from 'node:fs';

/** Labels of each series by the series' name. */
export function knownSeries(): Map<string, ReadonlySet<string>> {
  const series = new Map<string, ReadonlySet<string>>();
  const document = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8');
  for (const [, name, type, labels] of document.matchAll(/^\| `(ringmaster_\w+)` \| (\w+) \| ([\w, ]*) \|/gm)) {
    const names = new Set([...labels!.split(', ').filter(label => label !== ''), 'instance', 'job']);
    series.set(name!, names);
    if (type === 'histogram') series.set(`${name}_bucket`, names);
    if (type === 'histogram' || type === 'summary') {
      const without = new Set([...names].filter(label => label !== 'le' && label !== 'quantile'));
      for (const suffix of ['_sum', '_count']) series.set(`${name}${suffix}`, without);
    }
  }
  // Prometheus' own.
  series.set('up', new Set(['instance', 'job']));
  return series;
}

/** What a query asks for and nobody has: series, and labels of theirs. */
export function unknownParts(query: string, known: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  const faults: string[] = [];
  const asked = [...query.matchAll(/\b(ringmaster_\w+|up)\b(?:\{([^}]*)\})?/g)];
  if (asked.length === 0) faults.push(`no metric of ours: ${query}`);
  const common = new Set<string>();
  for (const [, name, matchers = ''] of asked) {
    const labels = known.get(name!);
    if (labels === undefined) {
      faults.push(`no such series: ${name}`);
      continue;
    }
    for (const label of labels) common.add(label);
    for (const [, label] of matchers.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)) {
      if (!labels.has(label!)) faults.push(`${name} has no label ${label}`);
    }
  }
  for (const [, list] of query.matchAll(/\b(?:by|on|without|ignoring)\s*\(([^)]*)\)/g)) {
    for (const label of list!.split(',').map(each => each.trim())) {
      if (!common.has(label)) faults.push(`no series of the query has the label ${label}: ${query}`);
    }
  }
  return faults;
}
