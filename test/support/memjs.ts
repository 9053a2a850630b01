import { createRequire } from 'node:module';

/** What tests use of the npm package memjs, which brings no types. */
export interface MemjsClient {
  get(key: string): Promise<{ readonly value: Buffer | null }>;
  set(key: string, value: string, options: object): Promise<boolean>;
  add(key: string, value: string, options: object): Promise<boolean>;
  replace(key: string, value: string, options: object): Promise<boolean>;
  increment(key: string, amount: number, options: object): Promise<{ readonly value: number | null }>;
  decrement(key: string, amount: number, options: object): Promise<{ readonly value: number | null }>;
  delete(key: string): Promise<unknown>;
  close(): void;
}

export interface MemjsOptions {
  readonly username?: string;
  readonly password?: string;
}

const require = createRequire(import.meta.url);
const memjs = require('memjs') as { Client: { create(server: string, options: object): MemjsClient } };

/** A client of the binary protocol for 127.0.0.1:`port`, which says nothing of what fails but by its promises. */
export function connectMemjs(port: number, options: MemjsOptions = {}): MemjsClient {
  return memjs.Client.create(`127.0.0.1:${port}`, { ...options, logger: { log: () => {} } });
}
