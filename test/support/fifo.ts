// A named pipe: filled to the brim, or read.
import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { temporaryDirectory } from './child.ts';

export class Fifo {
  readonly path: string;
  private readonly descriptor: number;

  constructor(t: Pick<TestContext, 'after'>) {
    this.path = path.join(temporaryDirectory('fifo'), 'fifo');
    execFileSync('mkfifo', [this.path]);
    // Read-write, so that to open it waits for nobody. It is no reader as long as `read` is not called.
    this.descriptor = openSync(this.path, constants.O_RDWR | constants.O_NONBLOCK);
    t.after(() => closeSync(this.descriptor));
  }

  /** Writes until it takes not one byte more. */
  fill(): void {
    for (let size = 4096; size >= 1; ) {
      try {
        writeSync(this.descriptor, Buffer.alloc(size, '\n'));
      } catch {
        size >>= 1;
      }
    }
  }

  /** What is in it now. */
  read(): string {
    const piece = Buffer.alloc(1 << 16);
    let text = '';
    try {
      for (;;) text += piece.toString('utf8', 0, readSync(this.descriptor, piece));
    } catch {
      return text;
    }
  }
}
