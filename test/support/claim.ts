import { once } from 'node:events';
import { createServer, type ListenOptions, type Server } from 'node:net';

/**
 * Takes a name that all tests of this machine share: one of the kernel's (an abstract unix socket), gone when the process is, however
 * that ends, or when what is returned is closed. Null: another has it.
 */
export async function claim(name: string): Promise<Server | null> {
  const server = createServer().unref();
  return (await listens(server, { path: `\0ringmaster-test-${name}` })) ? server : null;
}

/** Whether it listens there now; false: something else does. */
export async function listens(server: Server, options: ListenOptions): Promise<boolean> {
  try {
    await once(server.listen(options), 'listening');
    return true;
  } catch {
    return false;
  }
}
