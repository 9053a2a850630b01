/** A key as it can be shown: as it is where that is safe and clear, else in quotes with `\xNN` for odd bytes. */
export function keyText(key: Uint8Array): string {
  const bytes = Buffer.from(key);
  const text = bytes.toString('utf8');
  const isText = Buffer.compare(Buffer.from(text), bytes) === 0;
  // \p{C}: control and invisible characters; \p{Z}: spaces of all kinds.
  if (isText && text !== '' && !/[\p{C}\p{Z}"\\]/u.test(text)) return text;
  return `"${Array.from(bytes, byteText).join('')}"`;
}

function byteText(byte: number): string {
  if (byte < 0x20 || byte > 0x7e) return `\\x${byte.toString(16).padStart(2, '0')}`;
  const character = String.fromCharCode(byte);
  return character === '"' || character === '\\' ? `\\${character}` : character;
}
