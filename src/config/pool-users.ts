import { readFileSync } from 'node:fs';
import { SettingError } from '../settings/setting-error.ts';
import type { Config, PoolConfig, PoolUser, UserConfig } from './config.ts';
import { userPassword } from './tables/user-settings.ts';

/** More are no passwords. */
const MAX_FILE_BYTES = 64 * 1024;

/** A file with passwords can't be read, or has something else in it. Contents are in no message. */
export class PasswordFileError extends Error {}

/**
 * Gives each pool that users name those users, with what their password files have now.
 * @throws PasswordFileError
 */
export function withUsers({ pools, users }: Config): readonly PoolConfig[] {
  if (users.length === 0) return pools;
  const read = users.map(user => [user, poolUser(user)] as const);
  return pools.map(pool => {
    const own = read.flatMap(([user, known]) => (user.pools.includes(pool.name) ? [known] : []));
    return own.length === 0 ? pool : { ...pool, users: own };
  });
}

function poolUser({ passwords, passwordFile, pools: _, ...user }: UserConfig): PoolUser {
  const all = [...(passwords ?? []), ...(passwordFile === null ? [] : passwordsOf(user.name, passwordFile))];
  return { ...user, digests: all.map(({ sha256 }) => sha256) };
}

function passwordsOf(user: string, path: string) {
  const where = `user ${user}: password_file ${path}`;
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new PasswordFileError(`${where}: cannot be read: ${(error as NodeJS.ErrnoException).code}`);
  }
  if (text.length > MAX_FILE_BYTES) throw new PasswordFileError(`${where}: is longer than ${MAX_FILE_BYTES} bytes`);
  const lines = text.split(/\r?\n/).filter(line => line !== '');
  if (lines.length === 0) throw new PasswordFileError(`${where}: has no password`);
  try {
    return lines.map(userPassword);
  } catch (error) {
    if (!(error instanceof SettingError)) throw error;
    throw new PasswordFileError(`${where}: ${error.message}`);
  }
}
