import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import path from 'node:path';
import { SettingError } from '../settings/setting-error.ts';
import type { YamlMap } from './yaml-tree.ts';

/** More is no password. */
const MAX_FILE_BYTES = 64 * 1024;
const ANYBODY_READS = 0o004;

/** A file that a secret is read from. */
export interface SecretFile {
  /** Of the setting. */
  readonly path: string;
  readonly file: string;
  /** Others than its owner and its group may read it. */
  readonly isExposed: boolean;
}

/** A secret that was read: what the configuration file says of it, and what it was. */
export interface TakenSecret {
  readonly from: 'file' | 'env';
  readonly named: string;
  /** The path of its setting. */
  readonly setting: string;
  readonly text: string;
}

/**
 * Secrets that a configuration file only refers to: `{ file: PATH }`, relative to that file, or `{ env: NAME }`. One for each time
 * that the configuration file is read.
 */
export class Secrets {
  readonly files: SecretFile[] = [];
  /** What paths are relative to. */
  readonly directory: string;
  /** In the order in which they were read. */
  readonly taken: TakenSecret[];

  /** `configFile`: what paths are relative to. `taken`: what somebody else has read. */
  constructor(configFile: string, taken: readonly TakenSecret[] = []) {
    this.directory = path.dirname(path.resolve(configFile));
    this.taken = [...taken];
  }

  /** `setting`: its path, for warnings. Throws a SettingError, in which no secret is. */
  read(reference: YamlMap, setting: string): string {
    const [key, entry] = [...reference.entries][0] ?? [];
    if (reference.entries.size !== 1 || entry?.value.kind !== 'scalar' || (key !== 'file' && key !== 'env')) {
      throw new SettingError('must be a text, { file: PATH } or { env: NAME }');
    }
    return this.named(key, entry.value.text, setting);
  }

  /** As `read`, of what a reference says. */
  named(key: 'file' | 'env', named: string, setting: string): string {
    const text = this.textOf(key, named, setting);
    this.taken.push({ from: key, named, setting, text });
    return text;
  }

  /** What was read is what would be read now. */
  areCurrent(): boolean {
    try {
      return this.taken.every(({ from, named, setting, text }) => this.textOf(from, named, setting) === text);
    } catch (error) {
      if (error instanceof SettingError) return false;
      throw error;
    }
  }

  private textOf(from: TakenSecret['from'], named: string, setting: string): string {
    return from === 'env' ? ofEnvironment(named) : this.ofFile(named, setting);
  }

  private ofFile(named: string, setting: string): string {
    const file = path.resolve(this.directory, named);
    const { text, mode } = readSecretFile(file);
    const isKnown = this.files.some(each => each.path === setting);
    if (!isKnown) this.files.push({ path: setting, file, isExposed: (mode & ANYBODY_READS) !== 0 });
    return text.replace(/\r?\n$/, '');
  }
}

function ofEnvironment(name: string): string {
  const text = process.env[name];
  if (text === undefined) throw new SettingError(`the environment has no ${name}`);
  return text;
}

function readSecretFile(file: string): { readonly text: string; readonly mode: number } {
  let descriptor: number | null = null;
  try {
    // What is no plain file might keep us waiting.
    descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
    const { mode, size } = fstatSync(descriptor);
    if ((mode & constants.S_IFMT) !== constants.S_IFREG) throw new SettingError(`${file} is no plain file`);
    if (size > MAX_FILE_BYTES) throw new SettingError(`${file} is larger than 64kb: it is no password`);
    const bytes = Buffer.alloc(MAX_FILE_BYTES);
    const text = bytes.toString('utf8', 0, readSync(descriptor, bytes));
    if (text.includes('\ufffd')) throw new SettingError(`${file} is not UTF-8 text`);
    return { text, mode };
  } catch (error) {
    if (error instanceof SettingError) throw error;
    throw new SettingError(`cannot read ${file}: ${(error as NodeJS.ErrnoException).code}`);
  } finally {
    if (descriptor !== null) closeSync(descriptor);
  }
}
