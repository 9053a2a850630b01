import type { Log } from '../system/log.ts';

/** A log whose lines name the pool that they are about: two pools may have the same server, or servers of one name. */
export class PoolLog implements Log {
  private readonly log: Log;
  private readonly pool: { readonly name: string };

  constructor(log: Log, pool: { readonly name: string }) {
    this.log = log;
    this.pool = pool;
  }

  debug(fields: object, message: string): void {
    this.log.debug(this.ofPool(fields), message);
  }

  info(fields: object, message: string): void {
    this.log.info(this.ofPool(fields), message);
  }

  warn(fields: object, message: string): void {
    this.log.warn(this.ofPool(fields), message);
  }

  error(fields: object, message: string): void {
    this.log.error(this.ofPool(fields), message);
  }

  private ofPool(fields: object): object {
    return { pool: this.pool.name, ...fields };
  }
}
