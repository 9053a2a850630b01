import type { ReplyTransform, TransformOut } from '../../reply-transform.ts';
import { LineGatherer } from '../binary/line-gatherer.ts';

/** `HD kapp:k …`, `VA 2 kapp:k …`, …, and `ME app:k …`. */
const META = /^(?:HD|VA|EN|NF|NS|EX|ME)(?: |$)/;
const DEBUG = 'ME ';

/** Takes the prefix off the key in the first line of a reply to a meta command; what follows is the value. */
export class MetaKey implements ReplyTransform {
  private readonly prefix: string;
  private readonly line = new LineGatherer();
  private isRead = false;

  constructor(prefix: Buffer) {
    this.prefix = prefix.toString('latin1');
  }

  piece(buf: Buffer, start: number, end: number, _isLast: boolean, out: TransformOut): void {
    let at = start;
    if (!this.isRead) {
      at = this.line.read(buf, start, end);
      if (at < 0) return;
      this.isRead = true;
      const { line } = this;
      const changed = Buffer.from(this.changed(line.buf.toString('latin1', line.start, line.end)), 'latin1');
      out.append(changed, 0, changed.length);
    }
    out.append(buf, at, end);
  }

  failure(): null {
    return null;
  }

  private changed(line: string): string {
    const words = line.split(' ');
    if (META.test(line)) {
      const isBase64 = words.includes('b');
      for (const [i, word] of words.entries()) {
        if (i === 1 && line.startsWith(DEBUG)) words[i] = this.own(word, !word.startsWith(this.prefix));
        else if (i > 0 && word.startsWith('k')) words[i] = `k${this.own(word.slice(1), isBase64)}`;
      }
    }
    return `${words.join(' ')}\r\n`;
  }

  /** Empty: it is not the client's. */
  private own(key: string, isBase64: boolean): string {
    const { prefix } = this;
    const name = isBase64 ? Buffer.from(key, 'base64').toString('latin1') : key;
    if (!name.startsWith(prefix)) return '';
    const own = name.slice(prefix.length);
    return isBase64 ? Buffer.from(own, 'latin1').toString('base64') : own;
  }
}
