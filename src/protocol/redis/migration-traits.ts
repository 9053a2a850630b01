// What both who bring keys, workers and the mover, say in MIGRATE.
import type { ServerCredentials } from '../traits.ts';

/** Words by which the giving server is let in where the keys go. Source: the documentation of MIGRATE (AUTH2: Redis 6). */
export function migrationAuth({ user, password }: ServerCredentials): readonly string[] {
  return user === null ? ['AUTH', password] : ['AUTH2', user, password];
}
