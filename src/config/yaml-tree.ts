import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  type LineCounter,
  parseDocument,
} from 'yaml';
import type { Problems } from './problems.ts';

/*
 * The YAML document as a tree of text with positions. Scalars stay untyped: `redis_auth: 0123` is four characters, and
 * what is a number, a flag or a duration is decided by the key it stands under, in both forms of the file.
 */

export type YamlNode = YamlScalar | YamlMap | YamlList;

export interface YamlScalar {
  readonly kind: 'scalar';
  readonly offset: number;
  readonly text: string;
  /** Written without quotes, so that `null` and nothing at all may mean what they mean in YAML. */
  readonly isPlain: boolean;
}

export interface YamlMap {
  readonly kind: 'map';
  readonly offset: number;
  readonly entries: ReadonlyMap<string, YamlEntry>;
}

export interface YamlEntry {
  readonly keyOffset: number;
  readonly value: YamlNode;
}

export interface YamlList {
  readonly kind: 'list';
  readonly offset: number;
  readonly items: readonly YamlNode[];
}

/** Aliases can make a small file a huge tree. */
const MAX_NODES = 500_000;
const MAX_DEPTH = 32;

/**
 * Reads one YAML document; null when it is empty or cannot be read, the latter with a problem. Line ends are `\n` only.
 * Duplicate keys are problems too, but the tree is still returned.
 */
export function readYamlTree(text: string, lineCounter: LineCounter, problems: Problems): YamlNode | null {
  // Not left to the parser: where it loses its way it counts no lines.
  lineCounter.addNewLine(0);
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) lineCounter.addNewLine(at + 1);
  const document = parseDocument(text, {
    schema: 'failsafe',
    uniqueKeys: false,
    prettyErrors: false,
  });
  for (const error of document.errors) {
    problems.add(error.pos[0], '', syntaxMessage(error.code, error.message));
  }
  for (const warning of document.warnings) problems.add(warning.pos[0], '', syntaxMessage(warning.code, ''));
  if (!problems.isEmpty || document.contents === null) return null;
  return new TreeBuilder(document, problems).build(document.contents, '', 0);
}

/** The parser's messages repeat text of the file, which may be a password, where a value begins with `!` or the like. */
function syntaxMessage(code: string, message: string): string {
  switch (code) {
    case 'MULTIPLE_DOCS':
      return 'a second YAML document begins here; one file holds one';
    case 'TAG_RESOLVE_FAILED':
      return 'YAML reads a value that begins with "!" as a type; put it in quotes';
    case 'BAD_SCALAR_START':
      return 'a value cannot begin with this character; put it in quotes';
    case 'BLOCK_AS_IMPLICIT_KEY':
      return 'not valid YAML: a nested "key: value" where a value should be; check the indentation or add quotes';
    default:
      return `not valid YAML: ${message.split(':')[0]}`;
  }
}

class TreeBuilder {
  private readonly document: Document;
  private readonly problems: Problems;
  private nodes = 0;

  constructor(document: Document, problems: Problems) {
    this.document = document;
    this.problems = problems;
  }

  build(node: unknown, path: string, depth: number): YamlNode | null {
    const offset = offsetOf(node);
    if (++this.nodes > MAX_NODES || depth > MAX_DEPTH) {
      if (this.nodes <= MAX_NODES + 1) this.problems.add(offset, path, 'nested too deeply or too large');
      this.nodes = MAX_NODES + 1;
      return null;
    }
    if (isAlias(node)) {
      const target = this.resolve(node, path);
      return target === null ? null : this.build(target, path, depth + 1);
    }
    if (isMap(node)) {
      const entries = new Map<string, YamlEntry>();
      this.fillMap(entries, node.items, path, depth);
      return { kind: 'map', offset, entries };
    }
    if (isSeq(node)) {
      const items: YamlNode[] = [];
      for (const [i, item] of node.items.entries()) {
        const built = this.build(item, `${path}[${i}]`, depth + 1);
        if (built !== null) items.push(built);
      }
      return { kind: 'list', offset, items };
    }
    if (isScalar(node)) {
      return { kind: 'scalar', offset, text: String(node.value ?? ''), isPlain: (node.type ?? 'PLAIN') === 'PLAIN' };
    }
    return { kind: 'scalar', offset, text: '', isPlain: true };
  }

  private fillMap(entries: Map<string, YamlEntry>, pairs: readonly unknown[], path: string, depth: number): void {
    const merges: unknown[] = [];
    for (const pair of pairs) {
      if (!isPair(pair)) continue;
      if (!isScalar(pair.key)) {
        this.problems.add(offsetOf(pair.key), path, 'a key must be plain text');
        continue;
      }
      const key = String(pair.key.value ?? '');
      if (key === '<<' && pair.key.type === 'PLAIN' && (isAlias(pair.value) || isSeq(pair.value))) {
        merges.push(pair.value);
        continue;
      }
      const keyOffset = offsetOf(pair.key);
      const keyPath = joinPath(path, key);
      const earlier = entries.get(key);
      if (earlier !== undefined) {
        const line = this.problems.lineOf(earlier.keyOffset);
        this.problems.add(keyOffset, keyPath, `given twice, first on line ${line}; keep one`);
      }
      const empty = { kind: 'scalar', offset: keyOffset, text: '', isPlain: true } as const;
      const value = pair.value === null ? empty : this.build(pair.value, keyPath, depth + 1);
      if (value !== null && earlier === undefined) entries.set(key, { keyOffset, value });
    }
    for (const merge of merges) this.mergeInto(entries, merge, path, depth);
  }

  /** YAML's `<<`: takes over what the map does not say itself. */
  private mergeInto(entries: Map<string, YamlEntry>, node: unknown, path: string, depth: number): void {
    if (isSeq(node)) {
      for (const item of node.items) this.mergeInto(entries, item, path, depth);
      return;
    }
    const merged = this.build(node, joinPath(path, '<<'), depth + 1);
    if (merged === null) return;
    if (merged.kind !== 'map') {
      this.problems.add(offsetOf(node), joinPath(path, '<<'), 'can only merge a map of keys');
      return;
    }
    for (const [key, entry] of merged.entries) if (!entries.has(key)) entries.set(key, entry);
  }

  private resolve(alias: Alias, path: string): unknown {
    const target = alias.resolve(this.document);
    if (target !== undefined) return target;
    this.problems.add(
      offsetOf(alias),
      path,
      'YAML reads a value that begins with "*" as a reference, and there is no such anchor; put it in quotes',
    );
    return null;
  }
}

/** `pools` + `sessions` → `pools.sessions` */
export function joinPath(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}

function offsetOf(node: unknown): number {
  const range = (node as { range?: readonly number[] | null } | null)?.range;
  return range?.[0] ?? -1;
}
