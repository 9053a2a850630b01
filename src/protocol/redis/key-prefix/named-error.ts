// The errors in which Redis names a key: those of consumer groups (t_stream.c), and that of a command which the server does not know
// and we do (server.c):
//
//   -NOGROUP No such key 'k' or consumer group 'g' …
//   -NOGROUP No such consumer group 'g' for key name 'k'
//   -ERR unknown command 'c', with args beginning with: 'k' …
const NO_GROUP = '-NOGROUP ';
const KEY_FIRST = "-NOGROUP No such key '";
const KEY_LAST = " for key name '";
const UNKNOWN = "-ERR unknown command '";

/** The line of an error, with its line end, as a client reads it whose keys have the prefix on the servers only. */
export function withoutPrefix(line: Buffer, prefix: Buffer): Buffer {
  const isOfGroup = begins(line, NO_GROUP);
  if (!isOfGroup && !begins(line, UNKNOWN)) return line;
  const text = line.toString('latin1');
  const own = prefix.toString('latin1');
  if (!isOfGroup) return Buffer.from(text.replaceAll(`'${own}`, "'"), 'latin1');
  const at = text.startsWith(KEY_FIRST) ? KEY_FIRST.length : text.lastIndexOf(KEY_LAST + own) + KEY_LAST.length;
  if (!text.startsWith(own, at)) return line;
  return Buffer.from(text.slice(0, at) + text.slice(at + own.length), 'latin1');
}

function begins(line: Buffer, text: string): boolean {
  return line.toString('latin1', 0, text.length) === text;
}
