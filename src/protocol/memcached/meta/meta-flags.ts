import type { RequestLine } from '../request-line.ts';

const QUIET = 0x71; // q
const BASE64 = 0x62; // b
const KEY = 0x6b; // k

/**
 * What concerns the proxy of a meta command's flags: the words of a line from `first` on, each a letter and perhaps its
 * token. All others are the server's business. Valid until the next `read`.
 */
export class MetaFlags {
  /** Index among the line's arguments of the flag `q`, or -1. */
  quiet = -1;
  /** There are several `q`, which the server would refuse. */
  hasTwoQuiet = false;
  /** The key is base64. */
  isBase64 = false;
  /** The reply has the key. */
  returnsKey = false;

  read(line: RequestLine, buf: Buffer, first: number): void {
    this.quiet = -1;
    this.hasTwoQuiet = false;
    this.isBase64 = false;
    this.returnsKey = false;
    for (let i = first; i < line.argCount; i++) {
      const letter = buf[line.argStarts[i]!];
      if (letter === BASE64) this.isBase64 = true;
      else if (letter === KEY) this.returnsKey = true;
      else if (letter === QUIET) {
        if (this.quiet >= 0) this.hasTwoQuiet = true;
        this.quiet = i;
      }
    }
  }
}
