import { createHash } from 'node:crypto';
import { readFileSync, realpathSync } from 'node:fs';
import { FileEditError } from '../../config/changes/file-edit.ts';
import { withRingInFile } from '../../config/changes/ring-edit.ts';
import { ConfigError } from '../../config/errors.ts';
import { isSameRing, type RingSettings } from '../../config/tables/ring-settings.ts';
import { type ConfigFile, replaceFile } from '../configuration/config-file.ts';
import { RefusedError } from '../errors.ts';
import type { NewFile } from './reshard-record.ts';

export const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex');

/** The configuration file as it is. Throws a RefusedError. */
export function fileText(file: ConfigFile): string {
  try {
    return readFileSync(file.path, 'utf8');
  } catch (error) {
    throw new RefusedError(`cannot read ${file.path}: ${(error as NodeJS.ErrnoException).code}`);
  }
}

/**
 * What the configuration file is to become: the new one where it is what that one was made from, else itself with the ring
 * `ring` for `pool`. null: it has that ring already. Throws a RefusedError when it can't be had.
 */
export function fileToBe(file: ConfigFile, pool: string, ring: RingSettings, made: NewFile | null): string | null {
  const text = fileText(file);
  try {
    const now = file.parse(text).pools.find(({ name }) => name === pool);
    if (now !== undefined && isSameRing(now, ring)) return null;
    if (made !== null && digestOf(text) === made.oldDigest) return made.text;
    return withRingInFile(text, pool, ring, next => file.parse(next));
  } catch (error) {
    if (error instanceof FileEditError)
      throw new RefusedError(`${file.path} cannot get the new ring: ${error.message}`);
    if (error instanceof ConfigError) throw new RefusedError(`${file.path} cannot be used: ${error.message}`);
    throw error;
  }
}

/** Puts `text` in its place. Throws a RefusedError; then it is as it was. */
export function replaceConfigFile(file: ConfigFile, text: string): void {
  try {
    replaceFile(realpathSync(file.path), text);
  } catch (error) {
    throw new RefusedError(`cannot write ${file.path}: ${(error as NodeJS.ErrnoException).code}`);
  }
}
