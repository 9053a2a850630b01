/** Columns in line, two spaces between them, no space at the ends; a column of `right` has its text on the right. */
export function textTable(rows: readonly (readonly string[])[], indent = '', right: readonly number[] = []): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, width(cell));
  }
  const lines = rows.map(row => {
    const cells = row.map((cell, i) => {
      const fill = ' '.repeat(widths[i]! - width(cell));
      return right.includes(i) ? fill + cell : cell + fill;
    });
    return (indent + cells.join('  ')).trimEnd();
  });
  return lines.map(line => `${line}\n`).join('');
}

/** In characters; good enough for names of servers. */
function width(text: string): number {
  return [...text].length;
}

/** `25.04 %`; never `0 %` or `100 %` for what is not. */
export function percent(share: number): string {
  if (share === 0 || share === 1) return `${share * 100} %`;
  const rounded = (share * 100).toFixed(2);
  if (rounded === '0.00') return '<0.01 %';
  if (rounded === '100.00') return '>99.99 %';
  return `${rounded} %`;
}

/** `1,234,567` */
export function grouped(count: number): string {
  return count.toLocaleString('en-US');
}

/** `1 server`, `2 servers` */
export function counted(count: number, what: string): string {
  return `${grouped(count)} ${what}${count === 1 ? '' : 's'}`;
}
