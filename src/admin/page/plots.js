// Small plots over the last 15 minutes, of the pool that is shown.
import uPlot from '/page/uPlot.esm.js';
import { count, duration, percent } from './format.js';

const POINTS_MAX = 15 * 60;
const HEIGHT = 170;

const PLOTS = [
  { title: 'Requests per second', format: count, lines: [['requests', 'requestsPerSecond', '--accent']] },
  {
    title: 'Latency',
    format: duration,
    lines: [
      ['p50', 'p50Us', '--good'],
      ['p99', 'p99Us', '--warn'],
    ],
  },
  { title: 'Hits', format: percent, lines: [['hits', 'hitRatio', '--good']], top: 1 },
  { title: 'Errors per second', format: count, lines: [['errors', 'errorsPerSecond', '--bad']] },
];

const FIELDS = ['requestsPerSecond', 'errorsPerSecond', 'p50Us', 'p99Us'];
/** Of a second in which nothing was asked for there is none. */
const ratio = (hits, misses) => (hits + misses === 0 ? null : hits / (hits + misses));

export class Plots {
  #place;
  #plots = [];
  #times = [];
  #series = {};

  constructor(place) {
    this.#place = place;
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#build());
    new ResizeObserver(() => this.#fit()).observe(place);
  }

  /** What /api/v1/history says, the last point of which is of now; null: nothing. */
  begin(history) {
    const length = history?.series.requestsPerSecond.length ?? 0;
    const nowS = Math.floor(Date.now() / 1000);
    this.#times = Array.from({ length }, (_, i) => nowS - length + 1 + i);
    this.#series = Object.fromEntries(FIELDS.map(name => [name, history?.series[name] ?? []]));
    const { hitsPerSecond = [], missesPerSecond = [] } = history?.series ?? {};
    this.#series.hitRatio = hitsPerSecond.map((hits, i) => ratio(hits, missesPerSecond[i]));
    this.#build();
  }

  /** Of this second. */
  add(point) {
    this.#times.push(Math.floor(Date.now() / 1000));
    for (const name of FIELDS) this.#series[name].push(point[name] ?? 0);
    this.#series.hitRatio.push(ratio(point.hitsPerSecond, point.missesPerSecond));
    if (this.#times.length > POINTS_MAX) {
      this.#times.shift();
      for (const values of Object.values(this.#series)) values.shift();
    }
    this.#show();
  }

  #build() {
    for (const { plot } of this.#plots) plot.destroy();
    this.#place.replaceChildren();
    const style = getComputedStyle(document.documentElement);
    const color = name => style.getPropertyValue(name).trim();
    this.#plots = PLOTS.map(each => {
      const place = document.createElement('div');
      place.setAttribute('role', 'img');
      this.#place.append(place);
      const axis = { stroke: color('--soft'), grid: { stroke: color('--line'), width: 1 }, ticks: { show: false } };
      const plot = new uPlot(
        {
          title: each.title,
          width: place.clientWidth || 320,
          height: HEIGHT,
          legend: { live: false },
          cursor: { drag: { setScale: false } },
          scales: { y: { range: (_, __, max) => [0, each.top ?? (max > 0 ? max * 1.1 : 1)] } },
          axes: [axis, { ...axis, size: 70, values: (_, values) => values.map(each.format) }],
          series: [
            {},
            ...each.lines.map(([label, , line]) => ({
              label,
              stroke: color(line),
              width: 1.5,
              points: { show: false },
              value: (_, value) => (value === null || value === undefined ? '–' : each.format(value)),
            })),
          ],
        },
        [[], ...each.lines.map(() => [])],
        place,
      );
      return { each, place, plot };
    });
    this.#show();
  }

  #show() {
    for (const { each, place, plot } of this.#plots) {
      plot.setData([this.#times, ...each.lines.map(([, name]) => this.#series[name])]);
      const now = each.lines.map(([label, name]) => `${label} ${this.#now(each, name)}`);
      place.setAttribute('aria-label', `${each.title} over 15 minutes; now ${now.join(', ')}`);
    }
  }

  #now({ format }, name) {
    const value = this.#series[name].at(-1);
    return value === null || value === undefined ? 'none' : format(value);
  }

  #fit() {
    for (const { place, plot } of this.#plots) {
      if (plot.width !== place.clientWidth) plot.setSize({ width: place.clientWidth, height: HEIGHT });
    }
  }
}
