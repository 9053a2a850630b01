import { isMap, isScalar, isSeq, type Node, type Pair, parseDocument, type YAMLMap } from 'yaml';

/** A value of a YAML file that is to be another. */
export interface FileEdit {
  /** Keys, and places in lists, from the root. */
  readonly way: readonly (string | number)[];
  /** As YAML, on one line; null: it is to be left out. */
  readonly value: string | null;
}

/** The file cannot be edited so; the message says why. */
export class FileEditError extends Error {
  override readonly name = 'FileEditError';
}

/** Text as a YAML value, wherever it stands. */
export function yamlText(text: string): string {
  return /^[A-Za-z0-9_/][\w./@+-]*(?::[\w./@+-]+)*(?: [\w./@+-]+)?$/.test(text) ? text : JSON.stringify(text);
}

/**
 * The text with these values, and otherwise as it was: order, comments, blank lines, how each value is written. A key that is
 * not there follows the last one-line value of its map. Line ends have to be `\n`.
 * @throws FileEditError
 */
export function editedFile(text: string, edits: readonly FileEdit[]): string {
  return edits.reduce(editedOnce, text);
}

function editedOnce(text: string, { way, value }: FileEdit): string {
  const document = parseDocument(text, { schema: 'failsafe', uniqueKeys: false });
  let node = document.contents as Node | null;
  for (const [depth, step] of way.entries()) {
    const rest = way.slice(depth + 1);
    if (isSeq(node) && typeof step === 'number' && node.items[step] !== undefined) {
      node = node.items[step] as Node;
      continue;
    }
    if (!isMap(node)) throw new FileEditError(`${way.slice(0, depth).join('.')} is no map of the file itself`);
    const pair = pairOf(node, String(step));
    if (pair === undefined) return value === null ? text : inserted(text, node, String(step), nested(rest, value));
    if (value === null && rest.length === 0) return removed(text, node, pair);
    node = pair.value as Node | null;
    if (node === null) throw new FileEditError(`${way.slice(0, depth + 1).join('.')} is empty`);
  }
  const [start, end] = rangeOf(node);
  const isBlock = text.slice(start, end).includes('\n');
  return isBlock ? replacedBlock(text, start, end, value as string) : text.slice(0, start) + value + text.slice(end);
}

const nested = (rest: readonly (string | number)[], value: string): string =>
  rest.reduceRight<string>((inner, key) => `{ ${yamlText(String(key))}: ${inner} }`, value);

function pairOf(map: YAMLMap, key: string): Pair | undefined {
  return map.items.find(pair => isScalar(pair.key) && pair.key.value === key);
}

function rangeOf(node: unknown): readonly [number, number] {
  const range = (node as Node | null)?.range;
  if (range === null || range === undefined) throw new FileEditError('a value has no place of its own in the file');
  return [range[0], range[1]];
}

const keyStart = (pair: Pair): number => rangeOf(pair.key)[0];
const valueEnd = (pair: Pair): number => (pair.value === null ? rangeOf(pair.key)[1] : rangeOf(pair.value)[1]);
const lineStart = (text: string, at: number): number => text.lastIndexOf('\n', at - 1) + 1;
const lineEnd = (text: string, at: number): number => {
  const end = text.indexOf('\n', at);
  return end < 0 ? text.length : end;
};

/** A map or list over several lines gives way to one line. */
function replacedBlock(text: string, start: number, end: number, value: string): string {
  // The block begins on a line of its own, and ends with its last line's end.
  const colon = text.lastIndexOf(':', start);
  const isNextLine = text.slice(colon + 1, start).includes('\n');
  const from = isNextLine ? colon + 1 : start;
  const tail = text.slice(0, end).trimEnd().length;
  return `${text.slice(0, from)}${isNextLine ? ' ' : ''}${value}${text.slice(tail)}`;
}

function inserted(text: string, map: YAMLMap, key: string, value: string): string {
  const entry = `${yamlText(key)}: ${value}`;
  const [start, end] = rangeOf(map);
  const [first] = map.items;
  if (map.flow) {
    if (first === undefined) return `${text.slice(0, start)}{ ${entry} }${text.slice(end)}`;
    const at = keyStart(first);
    return `${text.slice(0, at)}${entry}, ${text.slice(at)}`;
  }
  if (first === undefined) throw new FileEditError(`there is no place for ${key}`);
  const at = keyStart(first);
  const indent = ' '.repeat(at - lineStart(text, at));
  const isLine = (pair: Pair) =>
    isScalar(pair.value) && !text.slice(keyStart(pair), valueEnd(pair)).includes('\n') && valueEnd(pair) > at;
  const before = map.items.findLast(isLine);
  if (before === undefined) return `${text.slice(0, at)}${entry}\n${indent}${text.slice(at)}`;
  const after = lineEnd(text, valueEnd(before));
  return `${text.slice(0, after)}\n${indent}${entry}${text.slice(after)}`;
}

function removed(text: string, map: YAMLMap, pair: Pair): string {
  const start = keyStart(pair);
  const end = valueEnd(pair);
  if (map.items.length === 1) throw new FileEditError(`${String(pair.key)} is all there is in its map`);
  if (!map.flow) {
    const from = lineStart(text, start);
    const tail = Math.max(text.slice(0, end).trimEnd().length, start);
    if (text.slice(from, start).trim() !== '') throw new FileEditError(`${String(pair.key)} shares its line`);
    return text.slice(0, from) + text.slice(lineEnd(text, tail) + 1);
  }
  const place = map.items.indexOf(pair);
  const next = map.items[place + 1];
  if (next !== undefined) return text.slice(0, start) + text.slice(keyStart(next));
  return text.slice(0, valueEnd(map.items[place - 1] as Pair)) + text.slice(end);
}
