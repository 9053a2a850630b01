import type { ServerCredentials } from './traits.ts';

/** So many characters of a password are already too many. */
const TELLING_LENGTH = 4;

/**
 * What a server answered to a request with credentials, for a log: it may repeat what it was told (Redis does where it does not know
 * the command), so its words end where the password begins.
 */
export function withoutPassword(words: string, credentials: ServerCredentials | null): string {
  if (credentials === null) return words;
  const at = words.indexOf(credentials.password.slice(0, TELLING_LENGTH));
  return at < 0 ? words : `${words.slice(0, at)}…`;
}
