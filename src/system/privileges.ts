import { readFileSync } from 'node:fs';
import { type UnixUser, userText } from './unix-user.ts';

/*
 * A daemon that is started by root and is to run as somebody else:
 *
 *   intendUser ─▶ still root, and binds ports; files are made and opened by `asHeir`, as the user where that is allowed,
 *                 so that root follows no link and removes no file that the user could not have
 *   dropPrivileges ─▶ the user, for good
 *
 * Effective ids are the process's, all its threads included; nothing here waits while they are others.
 */

/** Of what Node has there, its types leave this out. */
type ProcessOfUnix = typeof process & { initgroups(user: string, extraGroup: number): void };

/** Whom this process is going to be; null: it stays who it is. */
let heir: UnixUser | null = null;

/** From now on `asHeir` acts for that user, until `dropPrivileges`. */
export function intendUser(user: UnixUser): void {
  heir = user;
}

/**
 * Does `act` as the user that this process is going to be. Where he lacks the permission, `otherwise` does it as who it is now.
 * `act` must be done when it returns.
 */
export function asHeir<T>(act: () => T, otherwise: (heir: UnixUser) => T): T {
  if (heir === null) return act();
  try {
    return actAs(heir, act);
  } catch (error) {
    if (!isDenied(error)) throw error;
    return otherwise(heir);
  }
}

/** Does `act` as `user`. Root only; throws an Error where root lacks the capability. */
export function actAs<T>(user: UnixUser, act: () => T): T {
  const before = { uid: process.geteuid!(), gid: process.getegid!(), groups: process.getgroups!() };
  try {
    takeGroups(user);
    process.setegid!(user.gid);
    process.seteuid!(user.uid);
    return act();
  } finally {
    process.seteuid!(before.uid);
    process.setegid!(before.gid);
    process.setgroups!(before.groups);
  }
}

/**
 * This process is the user that was intended, and can't be root again. Returns the user; null: none was intended.
 * Throws an Error when it did not come to that; then this process must end.
 */
export function dropPrivileges(): UnixUser | null {
  const user = heir;
  if (user === null) return null;
  try {
    takeGroups(user);
    process.setgid!(user.gid);
    process.setuid!(user.uid);
  } catch (error) {
    throw new Error(`cannot run as ${userText(user)}: ${(error as Error).message}`);
  }
  heir = null;
  const ids = [process.getuid!(), process.geteuid!(), process.getgid!(), process.getegid!()];
  if (String(ids) !== String([user.uid, user.uid, user.gid, user.gid]) || (user.uid !== 0 && canBeRoot())) {
    throw new Error(`cannot run as ${userText(user)}: the system lets it be root again`);
  }
  return user;
}

/** Whether an error says that a permission is missing. */
export function isDenied(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'EACCES' || code === 'EPERM';
}

function takeGroups({ name, gid }: UnixUser): void {
  if (name === null) process.setgroups!([gid]);
  else (process as ProcessOfUnix).initgroups(name, gid);
}

function canBeRoot(): boolean {
  try {
    process.setuid!(0);
    return true;
  } catch {
    return hasCapabilities();
  }
}

/** Whether this process may do something that users may not. */
function hasCapabilities(): boolean {
  try {
    const permitted = /^CapPrm:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1];
    return permitted !== undefined && BigInt(`0x${permitted}`) !== 0n;
  } catch {
    // No /proc: setuid(0) was refused, which is what can be known.
    return false;
  }
}
