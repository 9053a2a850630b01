import type { LineCounter } from 'yaml';
import { joinPath, type YamlNode } from './yaml-tree.ts';

/** Both counted from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** Where the settings of one file stand, by their path (`pools.sessions.servers[2]`). */
export class Places {
  private readonly offsets = new Map<string, number>();
  private readonly lines: LineCounter;

  constructor(root: YamlNode, lines: LineCounter) {
    this.lines = lines;
    this.add(root, '');
  }

  /** Of the setting, or of what it would stand in when the file leaves it out; null: nowhere. */
  of(path: string): Place | null {
    for (
      let end = path.length;
      end > 0;
      end = Math.max(path.lastIndexOf('.', end - 1), path.lastIndexOf('[', end - 1))
    ) {
      const offset = this.offsets.get(path.slice(0, end));
      if (offset === undefined) continue;
      const { line, col } = this.lines.linePos(offset);
      return { line, column: col };
    }
    return null;
  }

  private add(node: YamlNode, path: string): void {
    if (node.kind === 'list') {
      node.items.forEach((item, i) => {
        this.offsets.set(`${path}[${i}]`, item.offset);
        this.add(item, `${path}[${i}]`);
      });
    } else if (node.kind === 'map') {
      for (const [key, { keyOffset, value }] of node.entries) {
        const keyPath = joinPath(path, key);
        // A map or a list begins below its key; the key is what one looks for.
        this.offsets.set(keyPath, value.kind === 'scalar' ? value.offset : keyOffset);
        this.add(value, keyPath);
      }
    }
  }
}
