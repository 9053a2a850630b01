// Where a request ends, for fake servers: plain, independent of src/protocol.

/** End (exclusive) of the first request in `buf`, or -1 when more bytes are needed. */
export type RequestSplitter = (buf: Buffer) => number;

/** Redis: an array of bulk strings, or an inline command. */
export const redisRequest: RequestSplitter = buf => {
  const lineEnd = buf.indexOf('\r\n', 0, 'latin1');
  if (lineEnd < 0) return -1;
  if (buf[0] !== 0x2a) return lineEnd + 2;
  let at = lineEnd + 2;
  for (let left = Number(buf.toString('latin1', 1, lineEnd)); left > 0; left--) {
    const end = buf.indexOf('\r\n', at, 'latin1');
    if (end < 0) return -1;
    at = end + 2 + Number(buf.toString('latin1', at + 1, end)) + 2;
    if (at > buf.length) return -1;
  }
  return at;
};

const STORAGE = /^(?:set|add|replace|append|prepend|cas) \S+ \d+ -?\d+ (\d+)/;
const META_SET = /^ms \S+ (\d+)/;

/** Memcached text: a line, and for storage commands its data block. */
export const memcachedRequest: RequestSplitter = buf => {
  const lineEnd = buf.indexOf('\n');
  if (lineEnd < 0) return -1;
  const line = buf.toString('latin1', 0, lineEnd);
  const length = (STORAGE.exec(line) ?? META_SET.exec(line))?.[1];
  const end = lineEnd + 1 + (length === undefined ? 0 : Number(length) + 2);
  return end > buf.length ? -1 : end;
};

/** The words of one Redis request as redisRequest cut it. */
export function redisWords(request: Buffer): Buffer[] {
  if (request[0] !== 0x2a)
    return request
      .toString('latin1')
      .trim()
      .split(/\s+/)
      .map(word => Buffer.from(word, 'latin1'));
  const words: Buffer[] = [];
  let at = request.indexOf('\r\n', 0, 'latin1') + 2;
  while (at < request.length) {
    const end = request.indexOf('\r\n', at, 'latin1');
    const length = Number(request.toString('latin1', at + 1, end));
    words.push(request.subarray(end + 2, end + 2 + length));
    at = end + 2 + length + 2;
  }
  return words;
}
