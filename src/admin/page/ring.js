// The ring of a pool: outside, which server has which slice of the circle of hashes; inside, how much of it each has in all, in the
// order of the file. One that is out of the ring has nothing, and is named in the middle.
import { percent } from './format.js';

const SVG = 'http://www.w3.org/2000/svg';
const OUTER = { from: 84, to: 100 };
const INNER = { from: 52, to: 80 };
/** Thinner parts can't be told apart. */
const PARTS_MAX = 360;
/** Golden angle: neighbours in the file get hues that are far apart. */
const HUE_STEP = 137.508;

/** A server that is unwell keeps its keys. */
const isIn = ({ state }) => state === 'in' || state === 'unwell';

/** `ring`: what /api/v1/ring says; null: nothing, then shares are by weight. `servers`: with name, weight and state. */
export function drawRing(svg, ring, servers) {
  const shares = sharesOf(ring, servers);
  const out = servers.filter(server => !isIn(server)).length;
  const key = servers.map(({ server, state }, i) => `${server} ${shares[i]} ${state}`).join('\n');
  if (svg.dataset.key === key) return;
  svg.dataset.key = key;
  const by = ring === null ? 'weights' : 'hashes';
  svg.setAttribute('aria-label', `The ring by ${by}: ${servers.length} servers, ${out} of them out of it`);
  const label = element('text', { y: '5' });
  label.textContent = `${servers.length - out} of ${servers.length} in`;
  svg.replaceChildren(...slices(ring, servers), ...parts(shares, servers), label);
}

/** By server, in the order of `servers`. */
export function sharesOf(ring, servers) {
  if (ring !== null) {
    const byName = new Map(ring.servers.map(({ server, share }) => [server, share]));
    return servers.map(({ server }) => byName.get(server) ?? 0);
  }
  const weights = servers.map(server => (isIn(server) ? server.weight : 0));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map(weight => (total === 0 ? 0 : weight / total));
}

function parts(shares, servers) {
  const drawn = [];
  let at = 0;
  for (const [i, { server, state }] of servers.entries()) {
    const from = at;
    at += shares[i];
    if (shares[i] === 0 || drawn.length >= PARTS_MAX) continue;
    const part = arc(from, at, INNER, hue(i));
    part.setAttribute('class', 'part');
    const title = element('title', {});
    title.textContent = `${server}: ${percent(shares[i])} of the ring, ${state}`;
    part.append(title);
    drawn.push(part);
  }
  return drawn;
}

/** Neighbouring slices of one server are drawn at once. */
function slices(ring, servers) {
  if (ring === null || ring.slices.length === 0) return [];
  const place = new Map(servers.map(({ server }, i) => [server, i]));
  const hues = ring.servers.map(({ server }) => hue(place.get(server) ?? 0));
  const drawn = [];
  const { length } = ring.slices;
  for (let from = 0, to = 1; to <= length; to++) {
    if (to < length && ring.slices[to] === ring.slices[from]) continue;
    drawn.push(arc(from / length, to / length, OUTER, hues[ring.slices[from]]));
    from = to;
  }
  return drawn;
}

const hue = i => Math.round(i * HUE_STEP) % 360;

function element(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
  return made;
}

function arc(from, to, { from: inner, to: outer }, color) {
  // A whole circle would begin where it ends.
  const end = Math.min(to, from + 0.9999);
  const point = (share, radius) => {
    const angle = 2 * Math.PI * share;
    return `${(radius * Math.sin(angle)).toFixed(2)} ${(-radius * Math.cos(angle)).toFixed(2)}`;
  };
  const large = end - from > 0.5 ? 1 : 0;
  const path =
    `M ${point(from, outer)} A ${outer} ${outer} 0 ${large} 1 ${point(end, outer)} ` +
    `L ${point(end, inner)} A ${inner} ${inner} 0 ${large} 0 ${point(from, inner)} Z`;
  return element('path', { d: path, fill: `hsl(${color} 55% 50%)` });
}
