// The ring of a pool: each server's part of it by its weight, in the order of the file. One that is out is marked, and thin.

const SVG = 'http://www.w3.org/2000/svg';
const OUTER = 100;
const INNER = 62;
const INNER_OUT = 86;
/** Thinner parts can't be told apart. */
const PARTS_MAX = 360;

export function drawRing(svg, servers) {
  const total = servers.reduce((sum, { weight }) => sum + weight, 0);
  const out = servers.filter(({ state }) => state !== 'in').length;
  const key = servers.map(({ server, weight, state }) => `${server} ${weight} ${state}`).join('\n');
  if (svg.dataset.key === key) return;
  svg.dataset.key = key;
  svg.setAttribute('aria-label', `The ring by weights: ${servers.length} servers, ${out} of them out of it`);
  const parts = [];
  let at = 0;
  for (const { server, weight, state } of total === 0 ? [] : servers.slice(0, PARTS_MAX)) {
    const from = at / total;
    at += weight;
    const path = document.createElementNS(SVG, 'path');
    path.setAttribute('d', arc(from, at / total, state === 'in' ? INNER : INNER_OUT));
    if (state !== 'in') path.setAttribute('class', 'bad');
    const title = document.createElementNS(SVG, 'title');
    title.textContent = `${server}: ${Math.round((weight / total) * 1000) / 10} % by weight, ${state}`;
    path.append(title);
    parts.push(path);
  }
  const label = document.createElementNS(SVG, 'text');
  label.setAttribute('y', '5');
  label.textContent = `${servers.length - out} of ${servers.length} in`;
  svg.replaceChildren(...parts, label);
}

function arc(from, to, inner) {
  // A whole circle would begin where it ends.
  const end = Math.min(to, from + 0.9999);
  const point = (share, radius) => {
    const angle = 2 * Math.PI * share;
    return `${(radius * Math.sin(angle)).toFixed(2)} ${(-radius * Math.cos(angle)).toFixed(2)}`;
  };
  const large = end - from > 0.5 ? 1 : 0;
  return (
    `M ${point(from, OUTER)} A ${OUTER} ${OUTER} 0 ${large} 1 ${point(end, OUTER)} ` +
    `L ${point(end, inner)} A ${inner} ${inner} 0 ${large} 0 ${point(from, inner)} Z`
  );
}
