// Tables that are filled anew every second or so: only what changed is touched, so that a selection, the place that was
// scrolled to and a screen reader's cursor stay.

/**
 * @typedef {object} Column
 * @property {string} title
 * @property {(row: any) => string} text
 * @property {'number' | 'long' | 'button'} [kind]
 * @property {(row: any) => void} [press] of a button: its text is what it does, and `label` with what
 * @property {(row: any) => string} [label]
 */

/** Of each line that has buttons, the row it shows. */
const shown = new WeakMap();

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
      shown.set(line, row);
      setClass(line, tone(row) ?? '');
      for (const [j, column] of columns.entries()) fillCell(line.cells[j], column, row);
    }
    setText(table.caption, rows.length === 0 ? `${caption}: none` : caption);
  };
}

function newRow(body, columns) {
  const line = body.insertRow();
  for (const [j, { kind, press }] of columns.entries()) {
    const cell = document.createElement(j === 0 ? 'th' : 'td');
    if (j === 0) cell.scope = 'row';
    if (kind) cell.className = kind;
    if (press !== undefined) {
      const button = document.createElement('button');
      button.type = 'button';
      button.addEventListener('click', () => press(shown.get(line)));
      cell.append(button);
    }
    line.append(cell);
  }
  return line;
}

function fillCell(cell, { press, text, label }, row) {
  if (press === undefined) {
    setText(cell, text(row));
    return;
  }
  const button = cell.firstElementChild;
  setText(button, text(row));
  if (button.getAttribute('aria-label') !== label(row)) button.setAttribute('aria-label', label(row));
}

export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function setClass(element, name) {
  if (element.className !== name) element.className = name;
}
