import { NOT_ASKED } from '../master/reshard/participant-state.ts';
import type { ReshardStatus } from '../master/reshard/reshard-status.ts';
import type { PlanResult, StartResult } from '../master/reshard/resharding.ts';
import { counted, grouped, percent, textTable } from './text-table.ts';

const MB = 2 ** 20;
const HOSTS_SHOWN = 20;

/** `1.5 MB` */
function bytesText(bytes: number): string {
  if (bytes < 10_000) return `${grouped(bytes)} bytes`;
  if (bytes < 10 * MB) return `${grouped(Math.round(bytes / 1024))} KB`;
  return `${grouped(Math.round(bytes / MB))} MB`;
}

function timeText(seconds: number): string {
  if (seconds < 1) return 'less than a second';
  if (seconds < 120) return counted(Math.ceil(seconds), 'second');
  return seconds < 7200 ? counted(Math.ceil(seconds / 60), 'minute') : counted(Math.ceil(seconds / 3600), 'hour');
}

/** The answer to `plan`. */
export function planText({ pool, peers, obstacles, warnings, report }: PlanResult): string {
  const {
    servers,
    flows,
    biggest,
    orphans,
    keys,
    movingKeys,
    movingBytes,
    seconds,
    sampledKeys,
    isWhole,
    bigKeys,
    isMutual,
  } = report;
  const about = isWhole ? '' : 'about ';
  const share = keys === 0 ? '' : ` (${percent(Math.min(1, movingKeys / keys))})`;
  let text = `Pool ${pool}: ${about}${grouped(movingKeys)} of ${counted(keys, 'key')} move${share}, ${about}${bytesText(movingBytes)}\n`;
  text += isWhole ? '  every key was looked at\n' : `  by a sample of ${counted(sampledKeys, 'key')}\n`;
  text += `  time at this pace: ${timeText(seconds)} or more\n`;
  if (isMutual) text += '  in two halves: servers would give keys to each other at the same time\n';
  text += `  proxies: this one${peers.map(peer => `, ${peer}`).join('')}\n\n`;
  text += textTable(
    [
      ['server', '', 'keys', 'memory', 'limit'],
      ...servers.map(each => [
        each.address,
        each.isFrom ? (each.isTo ? 'stays' : 'leaves') : 'comes',
        each.version === null ? '?' : grouped(each.keys),
        each.version === null ? '?' : bytesText(each.usedBytes),
        each.maxBytes === 0 ? 'none' : bytesText(each.maxBytes),
      ]),
    ],
    '  ',
    [2, 3, 4],
  );
  if (flows.length > 0) {
    const rows = flows.map(flow => [flow.from, '→', flow.to, counted(flow.keys, 'key'), bytesText(flow.bytes)]);
    text += `\n${textTable(rows, '  ', [3, 4])}`;
  }
  if (biggest.length > 0) {
    const rows = biggest.map(each => [each.key, each.server, bytesText(each.bytes), `~${each.stepMs} ms`]);
    text += `\nThe biggest that move${isWhole ? '' : ' (of the sample)'}: ${counted(bigKeys, 'key')} over the longest step\n`;
    text += textTable(rows, '  ', [2, 3]);
  }
  for (const { server, keys: count } of orphans) {
    text += `\n${server} has ${about}${counted(count, 'key')} that do not belong there: --orphans remove, or the start is refused\n`;
  }
  const hosts = report.connected.slice(0, HOSTS_SHOWN).map(({ host, connections }) => `${host} (${connections})`);
  const more = report.connected.length > HOSTS_SHOWN ? ', …' : '';
  text += `\nConnected to the old servers: ${hosts.join(', ') || 'nobody'}${more}\n`;
  for (const warning of warnings) text += `\nwarning: ${warning}\n`;
  if (obstacles.length === 0) return `${text}\nNothing is in the way.\n`;
  return `${text}\nIn the way:\n${obstacles.map(obstacle => `  ${obstacle}\n`).join('')}`;
}

/** The answer to `start`. */
export function startedText({
  pool,
  proxies,
  movingKeys,
  movingBytes,
  seconds,
  orphansRemoved,
  warnings,
}: StartResult): string {
  const orphans = orphansRemoved === 0 ? '' : `; ${counted(orphansRemoved, 'orphan')} removed`;
  const lines = warnings.map(warning => `  warning: ${warning}\n`).join('');
  return (
    `reshard of pool ${pool} begins in ${counted(proxies, 'proxy').replace(/ys$/, 'ies')}${orphans}\n` +
    `  some ${counted(movingKeys, 'key')} with ${bytesText(movingBytes)} move, in ${timeText(seconds)} or more\n${lines}`
  );
}

const PHASES = {
  old: 'the proxies join',
  hold: 'moving keys wait for a moment',
  both: 'keys move',
  drop: 'the time to live is over; the proxies follow',
  new: 'every key has moved; the proxies follow',
  over: 'over',
};

const OUTCOMES = {
  done: 'done: the new ring is in force',
  undone: 'taken back: the old ring is in force',
  stopped: 'stopped before anything moved: the old ring is in force',
};

/** The answer to `status`. */
export function statusText({ reshard }: ReshardStatus): string {
  if (reshard === null) return 'nothing has been resharded\n';
  const { pool, phase, isBack, outcome, coordinator, plan } = reshard;
  const head = `pool ${pool}: ${phase === 'over' && outcome !== null ? OUTCOMES[outcome] : PHASES[plan?.phase ?? phase]}`;
  const back = isBack && phase !== 'over' ? ', back to the old ring' : '';
  if (plan === null) return `${head}${back}${phase === 'over' ? '' : `; coordinated by ${coordinator}`}\n`;
  const { keysMoved, bytesMoved, movingKeys, movingBytes, pace, secondsLeft, isPaused, trouble, why, left, big } = plan;
  const lines = [`${head}${back}`];
  if (why !== null) lines.push(`  ${why}`);
  if (trouble !== null) lines.push(`  it gets no further: ${trouble}`);
  if (phase === 'both') {
    lines.push(
      `  moved ${grouped(keysMoved)} of about ${counted(movingKeys, 'key')}, ${bytesText(bytesMoved)} of ${bytesText(movingBytes)}` +
        (secondsLeft === null ? '' : `; ${timeText(secondsLeft)} left`),
      `  pace ${pace}${isPaused ? ', paused' : ''}`,
    );
    if (plan.expiresInSeconds !== null) {
      const left = plan.expiresInSeconds === 0 ? 'that is over' : `${timeText(plan.expiresInSeconds)} left`;
      lines.push(`  keys of ${plan.unlisted.join(', ')} move when they are asked for, for the time to live; ${left}`);
    }
    if (big.length > 0)
      lines.push(
        `  too big for a step: ${big
          .slice(0, 5)
          .map(each => `${each.key} (${bytesText(each.bytes)})`)
          .join(', ')}`,
      );
    if (left > 0) lines.push(`  ${counted(left, 'big key')} left: resume --big-keys wait moves them`);
  }
  for (const { proxy, why: missing } of plan.participants) {
    if (missing !== null && missing !== NOT_ASKED) lines.push(`  ${proxy}: ${missing}`);
  }
  return `${lines.join('\n')}\n`;
}

export const pausedText = (): string => 'paused: keys move only when a client asks for them\n';
export const resumedText = (): string => 'keys move again\n';
export const pacedText = ({ pace }: { readonly pace: string }): string => `pace ${pace}\n`;
export const abortedText = (): string => 'it goes back: what has moved moves back\n';
