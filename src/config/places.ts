import type { LineCounter } from 'yaml';
import type { YamlNode } from './yaml-tree.ts';

/** Both counted from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** Where the settings of one file stand, by their path (`pools.sessions.servers[2]`). */
export class Places {
  private readonly root: YamlNode;
  private readonly lines: LineCounter;

  constructor(root: YamlNode, lines: LineCounter) {
    this.root = root;
    this.lines = lines;
  }

  /** Of the setting, or of what it would stand in when the file leaves it out; null: nowhere. */
  of(path: string): Place | null {
    const offset = offsetIn(this.root, path);
    if (offset === null) return null;
    const { line, col } = this.lines.linePos(offset);
    return { line, column: col };
  }
}

/** Of what stands at `path` in `node`, or of the last part of it that is there; null: not even the first is. */
function offsetIn(node: YamlNode, path: string): number | null {
  if (node.kind === 'list') {
    const [all, index] = /^\[([0-9]+)\]\.?/.exec(path) ?? ['', ''];
    const item = node.items[Number.parseInt(index!, 10)];
    return item === undefined ? null : (offsetIn(item, path.slice(all.length)) ?? item.offset);
  }
  if (node.kind !== 'map') return null;
  // Keys may have dots and brackets: the longest that is there.
  for (let end = path.length; end > 0; end--) {
    if (end < path.length && path[end] !== '.' && path[end] !== '[') continue;
    const entry = node.entries.get(path.slice(0, end));
    if (entry === undefined) continue;
    const inside = offsetIn(entry.value, path.slice(path[end] === '.' ? end + 1 : end));
    // A map or a list begins below its key; the key is what one looks for.
    return inside ?? (entry.value.kind === 'scalar' ? entry.value.offset : entry.keyOffset);
  }
  return null;
}
