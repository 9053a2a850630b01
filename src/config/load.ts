import { closeSync, openSync, readSync } from 'node:fs';
import { LineCounter } from 'yaml';
import { sizeText } from '../settings/durations-and-sizes.ts';
import { crossCheck } from './checks/cross-checks.ts';
import type { Config } from './config.ts';
import { deepFreeze } from './deep-freeze.ts';
import { ConfigError } from './errors.ts';
import { readNativeForm } from './native.ts';
import { Places } from './places.ts';
import { finishPool } from './pool-draft.ts';
import { Problems } from './problems.ts';
import { Secrets } from './secrets.ts';
import { isTwemproxyForm, readTwemproxyForm } from './twemproxy.ts';
import { finishUser } from './users.ts';
import { readYamlTree } from './yaml-tree.ts';

/**
 * Room for 1,000 pools of 100 servers. Reading is linear, at about a second per MB at worst: so much, and no more, may a
 * file cost the master.
 */
const MAX_CONFIG_BYTES = 8 * 2 ** 20;

const CHUNK_BYTES = 64 * 1024;

export interface ConfigFile {
  readonly config: Config;
  readonly places: Places;
}

/**
 * Reads, checks and freezes a configuration file.
 * @throws ConfigError when it cannot be read or used; all problems at once
 */
export function loadConfig(path: string): Config {
  return loadConfigFile(path).config;
}

/**
 * The same, with where each setting stands.
 * @throws ConfigError when it cannot be read or used; all problems at once
 */
export function loadConfigFile(path: string): ConfigFile {
  return parseConfigFile(textOf(readConfigBytes(path), path), path);
}

/**
 * The bytes of a configuration file.
 * @throws ConfigError when it can't be read, or is too large
 */
export function readConfigBytes(path: string): Buffer {
  let bytes: Buffer;
  try {
    bytes = readAtMost(path, MAX_CONFIG_BYTES + 1);
  } catch (error) {
    throw wholeFileError(path, `cannot read the file: ${readFailure(error as NodeJS.ErrnoException)}`);
  }
  if (bytes.length > MAX_CONFIG_BYTES) throw wholeFileError(path, `larger than ${sizeText(MAX_CONFIG_BYTES)}`);
  return bytes;
}

/** @throws ConfigError when they are no text */
export function textOf(bytes: Buffer, path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw wholeFileError(path, 'not UTF-8 text; save it as UTF-8');
  }
}

/**
 * Checks the text of a configuration in either form. `fileName` is for messages, and what paths of secrets are relative to.
 * @throws ConfigError all problems at once
 */
export function parseConfig(text: string, fileName: string): Config {
  return parseConfigFile(text, fileName).config;
}

/** The same, with where each setting stands. `secrets`: where those come from that it refers to. */
export function parseConfigFile(text: string, fileName: string, secrets = new Secrets(fileName)): ConfigFile {
  const lines = new LineCounter();
  const problems = new Problems(fileName, lines);
  // YAML takes a lone CR for a line end too, the parser does not.
  const source = text.replace(/^\ufeff/, '').replace(/\r\n?/g, '\n');
  const root = readYamlTree(source, lines, problems);
  reportControlCharacters(source, problems);
  if (root === null) {
    if (problems.isEmpty) problems.add(-1, '', 'is empty; it needs at least "pools:" with one pool');
    throw new ConfigError(problems.list());
  }
  if (root.kind !== 'map') {
    problems.add(root.offset, '', `must be a map of keys, such as "pools:", not a ${root.kind}`);
    throw new ConfigError(problems.list());
  }

  const draft = isTwemproxyForm(root)
    ? readTwemproxyForm(root, source, problems)
    : readNativeForm(root, secrets, problems);
  crossCheck(draft, problems);
  if (!problems.isEmpty) throw new ConfigError(problems.list());
  const config = deepFreeze({
    ...(draft.top as Config),
    pools: draft.pools.map(finishPool),
    users: draft.users.map(finishUser),
  });
  return { config, places: new Places(root, lines) };
}

/** YAML forbids them; where the parser lets one pass, it was not meant. */
function reportControlCharacters(source: string, problems: Problems): void {
  for (let i = 0; i < source.length; i++) {
    const code = source.charCodeAt(i);
    const isControl = (code < 0x20 && code !== 0x09 && code !== 0x0a) || (code >= 0x7f && code < 0xa0 && code !== 0x85);
    if (!isControl) continue;
    const name = `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
    problems.add(i, '', `a control character (${name}); remove it, or write it as an escape in double quotes`);
    return;
  }
}

/** The first `limit` bytes: a wrong path (a disk, a log, /dev/zero) is not read whole. */
function readAtMost(path: string, limit: number): Buffer {
  const file = openSync(path, 'r');
  try {
    const chunks: Buffer[] = [];
    for (let total = 0; total < limit; ) {
      const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, limit - total));
      const count = readSync(file, chunk);
      if (count === 0) break;
      chunks.push(chunk.subarray(0, count));
      total += count;
    }
    return Buffer.concat(chunks);
  } finally {
    closeSync(file);
  }
}

function readFailure(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'ENOENT':
      return 'no such file';
    case 'EACCES':
      return 'permission denied';
    case 'EISDIR':
      return 'it is a directory';
    default:
      return error.message;
  }
}

export function wholeFileError(file: string, message: string): ConfigError {
  return new ConfigError([{ file, line: 0, column: 0, path: '', message }]);
}
