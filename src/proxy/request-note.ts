import type { Request, RequestCommand } from '../request/request.ts';
import type { RequestBytes } from '../request/request-bytes.ts';
import type { KeyTrail } from './insight/key-trail.ts';

/** What figures and logs will want to know of the request that is being dispatched; what is made of it gets that from here. */
export class RequestNote {
  /** That the client has sent for it. */
  bytes = 0;
  /** What it is counted as; null: it is not. */
  command: RequestCommand | null = null;
  /** See `Request`, as the others. */
  readAtUs = 0;
  private keyAt = 0;
  private keyBytes = 0;

  /** Of another request from here on, none of whose keys is kept. */
  begin(command: RequestCommand, bytes: number, readAtUs: number): void {
    this.command = command;
    this.bytes = bytes;
    this.readAtUs = readAtUs;
    this.keyBytes = 0;
  }

  /** `[start, end)` is its first key. */
  keepKey(trail: KeyTrail, bytes: RequestBytes, start: number, end: number): void {
    this.keyBytes = end - start;
    this.keyAt = trail.keep(bytes, start, end);
  }

  putOn(request: Request): void {
    request.originBytes = this.bytes;
    request.command = this.command;
    request.readAtUs = this.readAtUs;
    request.keyAt = this.keyAt;
    request.keyBytes = this.keyBytes;
  }

  copyFrom(other: RequestNote): void {
    this.bytes = other.bytes;
    this.command = other.command;
    this.readAtUs = other.readAtUs;
    this.keyAt = other.keyAt;
    this.keyBytes = other.keyBytes;
  }
}
