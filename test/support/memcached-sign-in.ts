import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { temporaryDirectory } from './child.ts';
import { type MemcachedServer, startMemcached } from './memcached-server.ts';

/** A memcached that wants `credentials`, as `user:password`, from its clients, until the test is over. */
export async function startMemcachedFor(t: TestContext, credentials: string): Promise<MemcachedServer> {
  const file = path.join(temporaryDirectory('memcached-auth'), 'auth');
  writeFileSync(file, `${credentials}\n`);
  const server = await startMemcached({ args: ['-Y', file] });
  t.after(() => server.kill());
  return server;
}

/** The `set` by which a client of text signs in; it is answered STORED. */
export function memcachedSignIn(user: string, password: string): string {
  const data = `${user} ${password}`;
  return `set auth 0 0 ${data.length}\r\n${data}\r\n`;
}
