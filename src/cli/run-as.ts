import { closeSync, constants, openSync } from 'node:fs';
import path from 'node:path';
import { shownFiles, tlsFiles } from '../config/certificates.ts';
import type { Config } from '../config/config.ts';
import { type ConfigWarning, poolPath } from '../config/warnings.ts';
import { actAs, isDenied } from '../system/privileges.ts';
import { findUnixUser, type UnixUser, userText } from '../system/unix-user.ts';

/** Linux's O_TMPFILE without O_DIRECTORY: a file without a name, which shows whether a directory takes files. */
const TEMPORARY = 0o20000000;

/**
 * Whom this process has to become; null: it is that user already, or the file names none. Throws an Error whose message is a sentence
 * for the operator. `isOnlyAsked`: it is not to be started by who asks.
 */
export function userToBecome({ user, group }: Config, isOnlyAsked = false): UnixUser | null {
  if (user === null) return null;
  const found = foundUser(user, group);
  const [uid, gid] = [process.geteuid?.(), process.getegid?.()];
  if (uid === found.uid && gid === found.gid) return null;
  if (uid !== 0) {
    if (isOnlyAsked) return null;
    const is = `${uid}:${gid}`;
    const wanted = `${userText(found)} (${found.uid}:${found.gid})`;
    throw new Error(
      `user: it runs as ${is}, and only root can start it for ${wanted}; start it as one of the two, or take "user" out`,
    );
  }
  refuseUnreadableProgram(found);
  return found;
}

function foundUser(user: string, group: string | null): UnixUser {
  try {
    return findUnixUser(user, group);
  } catch (error) {
    throw new Error(`user: ${(error as Error).message}`);
  }
}

/** Workers are started as that user. */
function refuseUnreadableProgram(user: UnixUser): void {
  for (const file of [process.execPath, import.meta.filename]) {
    const code = actAs(user, () => failureToOpen(file, constants.O_RDONLY));
    if (code !== null)
      throw new Error(`user: ${userText(user)} can't run this program: ${file} can't be read (${code})`);
  }
}

/**
 * What works at start, while it is root that reads, and no more afterwards. Of what `userToBecome` finds; run by somebody else
 * than root it can't be known, and nothing is said.
 */
export function userWarnings(config: Config, configFile: string, user: UnixUser | null): ConfigWarning[] {
  if (user === null) return [];
  const name = userText(user);
  return actAs(user, () => {
    const unreadable = filesReadAgain(config, configFile).flatMap(({ at, file, so }) => {
      const code = failureToOpen(file, constants.O_RDONLY);
      return code === null ? [] : [{ path: at, message: `${name} can't read ${file} (${code}): ${so}` }];
    });
    const fixed = filledDirectories(config, configFile).flatMap(({ at, directory, so }) => {
      const code = failureToOpen(directory, constants.O_RDWR | constants.O_DIRECTORY | TEMPORARY);
      return code === null ? [] : [{ path: at, message: `${name} can't write to ${directory} (${code}): ${so}` }];
    });
    return [...unreadable, ...fixed];
  });
}

const NO_RELOAD = 'reload and upgrade are refused';
/** These are read for each new configuration. */
const NO_CHANGE = 'reload, set and upgrade are refused';
const NO_RENEWAL = `certificates that change are not taken; ${NO_CHANGE}`;

interface ReadFile {
  /** The setting. */
  readonly at: string;
  readonly file: string;
  /** What comes of it when it can't be read. */
  readonly so: string;
}

function filesReadAgain(config: Config, configFile: string): ReadFile[] {
  const { pools, users, adminTls, secretFiles } = config;
  const all = [
    { at: 'user', file: configFile, so: NO_RELOAD },
    ...pools.flatMap(pool => tlsFiles(pool).map(file => ({ at: poolPath(config, pool), file, so: NO_RENEWAL }))),
    ...shownFiles(adminTls).map(file => ({ at: 'admin_tls', file, so: NO_RENEWAL })),
    ...users.flatMap(({ name, passwordFile }) =>
      passwordFile === null ? [] : [{ at: `users.${name}.password_file`, file: passwordFile, so: NO_CHANGE }],
    ),
    ...secretFiles.map(each => ({ at: each.path, file: each.file, so: NO_RELOAD })),
  ];
  return all.filter(({ file }, i) => all.findIndex(each => each.file === file) === i);
}

function filledDirectories({ auditLog }: Config, configFile: string) {
  const audit = auditLog && {
    at: 'audit_log.file',
    directory: path.dirname(auditLog.file),
    so: 'a full file is not renamed, and goes on growing',
  };
  const own = { at: 'user', directory: path.dirname(path.resolve(configFile)) };
  return [{ ...own, so: '"ringmaster save" and resharding are refused' }, ...(audit === null ? [] : [audit])];
}

/** Why the file can't be opened so for want of a permission; null: it can, or it is another reason, or the system can't tell. */
function failureToOpen(file: string, flags: number): string | null {
  try {
    closeSync(openSync(file, flags | constants.O_NONBLOCK, 0o600));
    return null;
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    return isDenied(error) || code === 'EROFS' ? code : null;
  }
}
