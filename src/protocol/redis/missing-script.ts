import type { Remedy } from '../reply-transform.ts';
import { encodeRequest } from './resp.ts';

const NO_SCRIPT = '-NOSCRIPT';

/** EVALSHA of a script that the server may have lost, and that is known here. */
export class MissingScript implements Remedy {
  private readonly body: Buffer;

  constructor(body: Buffer) {
    this.body = body;
  }

  for(buf: Buffer, start: number, end: number): Buffer | null {
    const isMissing = buf.toString('latin1', start, Math.min(end, start + NO_SCRIPT.length)) === NO_SCRIPT;
    return isMissing ? encodeRequest('SCRIPT', 'LOAD', this.body) : null;
  }
}
