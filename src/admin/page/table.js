// Tables that are filled anew every second or so: only what changed is touched, so that a selection, the place that was
// scrolled to and a screen reader's cursor stay.

/**
 * @typedef {object} Column
 * @property {string} title
 * @property {(row: any) => string} text
 * @property {'number' | 'long'} [kind]
 */

/** A function that fills the table with rows, whose `tone` is 'bad', 'warn' or undefined. */
export function tableOf(id, caption, columns, tone = () => undefined) {
  const table = document.getElementById(id);
  table.createCaption().textContent = caption;
  const head = table.createTHead().insertRow();
  for (const { title, kind } of columns) {
    const cell = document.createElement('th');
    cell.scope = 'col';
    cell.textContent = title;
    if (kind) cell.className = kind;
    head.append(cell);
  }
  const body = table.createTBody();
  return rows => {
    while (body.rows.length > rows.length) body.deleteRow(-1);
    for (const [i, row] of rows.entries()) {
      const line = body.rows[i] ?? newRow(body, columns);
      setClass(line, tone(row) ?? '');
      for (const [j, { text }] of columns.entries()) setText(line.cells[j], text(row));
    }
    setText(table.caption, rows.length === 0 ? `${caption}: none` : caption);
  };
}

function newRow(body, columns) {
  const line = body.insertRow();
  for (const [j, { kind }] of columns.entries()) {
    const cell = document.createElement(j === 0 ? 'th' : 'td');
    if (j === 0) cell.scope = 'row';
    if (kind) cell.className = kind;
    line.append(cell);
  }
  return line;
}

export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function setClass(element, name) {
  if (element.className !== name) element.className = name;
}
