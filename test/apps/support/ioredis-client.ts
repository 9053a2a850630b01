// A client of ioredis' kind (iovalkey is one too) that ends with its test and may not emit an error.
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { AppPool } from './pools.ts';

interface Client {
  on(event: 'error', listener: (error: Error) => void): unknown;
  disconnect(): void;
}

/** For a client class, what connects one to a pool with further options. */
export function connectIoredis<C extends Client>(
  Class: new (port: number, host: string, options: object) => C,
): (t: TestContext, pool: AppPool, options?: object) => C {
  return (t, pool, options = {}) => {
    const client = new Class(pool.port, pool.host, options);
    const errors: string[] = [];
    client.on('error', error => errors.push(String(error)));
    t.after(() => {
      client.disconnect();
      assert.deepEqual(errors, [], 'errors that the client emitted');
    });
    return client;
  };
}
