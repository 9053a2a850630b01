import { type Alias, isAlias, isMap, isPair, isScalar, isSeq, type LineCounter, parseDocument } from 'yaml';
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

/*
 * Whoever may write the file must not be able to stop the master with it: every step is linear in the size of the file or
 * of the tree, and the tree is bounded. Aliases and merges can make a small file a huge tree, so it is counted as if each
 * alias were written out.
 */
const MAX_NODES = 1_000_000;
const MAX_DEPTH = 32;
/** Far above any real one. Each key is part of the paths of all that stands below it. */
const MAX_KEY_LENGTH = 512;

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
  const targets = aliasTargets(document.contents);
  return new TreeBuilder(targets, problems).build(document.contents, '', 0);
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
      // As a hash of a password does.
      if (message.startsWith('Comments must be'))
        return 'YAML takes what begins with "#" for a comment; put it in quotes';
      if (message.startsWith('Maximum call stack')) return 'not valid YAML: nested too deeply';
      return `not valid YAML: ${message.split(':')[0]}`;
  }
}

/**
 * The node that each alias stands for: the last one before it in the document that has this anchor. (`Alias.resolve` looks
 * through the whole document for each of them.) Aliases without an anchor are not in the map.
 */
function aliasTargets(root: unknown): ReadonlyMap<Alias, unknown> {
  const anchors = new Map<string, unknown>();
  const targets = new Map<Alias, unknown>();
  const rest: unknown[] = [root];
  while (rest.length > 0) {
    const node = rest.pop();
    if (isPair(node)) rest.push(node.value, node.key);
    else if (isAlias(node)) {
      const target = anchors.get(node.source);
      if (target !== undefined) targets.set(node, target);
    } else if (isMap(node) || isSeq(node) || isScalar(node)) {
      if (node.anchor !== undefined) anchors.set(node.anchor, node);
      if (!isScalar(node)) for (let i = node.items.length - 1; i >= 0; i--) rest.push(node.items[i]);
    }
  }
  return targets;
}

class TreeBuilder {
  private readonly targets: ReadonlyMap<Alias, unknown>;
  private readonly problems: Problems;
  private nodes = 0;

  constructor(targets: ReadonlyMap<Alias, unknown>, problems: Problems) {
    this.targets = targets;
    this.problems = problems;
  }

  build(node: unknown, path: string, depth: number): YamlNode | null {
    const offset = offsetOf(node);
    if (this.nodes > MAX_NODES) return null;
    if (++this.nodes > MAX_NODES || depth > MAX_DEPTH) {
      const tooLarge = `with its references ("*name") written out, the file has over ${MAX_NODES} values`;
      const tooDeep = `nested more than ${MAX_DEPTH} levels deep, or a reference ("*name") inside what it refers to`;
      this.problems.add(offset, path, depth > MAX_DEPTH ? tooDeep : tooLarge);
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
      if (key.length > MAX_KEY_LENGTH) {
        this.problems.add(keyOffset, path, `a key of ${key.length} characters; at most ${MAX_KEY_LENGTH}`);
        continue;
      }
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
    const target = this.targets.get(alias);
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
