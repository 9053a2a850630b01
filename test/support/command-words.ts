/**
 * The words of a command line, quoted as redis-cli takes them: "…" with \xNN, \n, \r, \t, \\ and \", or bare.
 * A word is its bytes, a character each.
 * @throws Error when a quote is left open
 */
export function commandWords(line: string): Buffer[] {
  const words: Buffer[] = [];
  const word = /\s*(?:"((?:[^"\\]|\\.)*)"|([^\s"]+))(?=\s|$)/gy;
  while (word.lastIndex < line.trimEnd().length) {
    const found = word.exec(line);
    if (found === null) throw new Error(`cannot read ${JSON.stringify(line)}`);
    words.push(Buffer.from(found[2] ?? unescaped(found[1]!), 'latin1'));
  }
  return words;
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };

function unescaped(text: string): string {
  return text.replace(/\\(?:x([0-9a-f]{2})|(.))/gs, (_, hex: string | undefined, char: string) =>
    hex === undefined ? (ESCAPES[char] ?? char) : String.fromCharCode(Number.parseInt(hex, 16)),
  );
}
