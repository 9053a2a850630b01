// How a reshard goes, and what can be done about it.
import { bytes, count, span } from './format.js';
import { setText, tableOf } from './table.js';

/** `steer`: pause(), resume(), pace(rate), abort(). Returns what shows the state of a reshard, or null: there has been none. */
export function reshardOf(element, steer) {
  const fill = tableOf('reshard-table', 'The proxies that take part', [
    { title: 'Proxy', text: row => row.proxy },
    { title: 'What is missing', text: row => row.why ?? '', kind: 'long' },
  ]);
  element('reshard-pause').addEventListener('click', () => steer.pause());
  element('reshard-resume').addEventListener('click', () => steer.resume());
  element('reshard-abort').addEventListener('click', () => steer.abort());
  element('reshard-set-pace').addEventListener('click', () => steer.pace(element('reshard-pace').value.trim()));

  return reshard => {
    element('reshard').hidden = reshard === null;
    if (reshard === null) return;
    const { pool, phase, isBack, outcome, coordinator, plan } = reshard;
    const way = isBack ? ', back to the old ring' : '';
    const facts = [`Pool ${pool}: ${phase === 'over' ? outcome : phase}${way}`];
    if (plan === null) facts.push(`coordinated by ${coordinator}`);
    else facts.push(...factsOf(plan));
    element('reshard-progress').value = shareOf(reshard);
    setText(element('reshard-note'), facts.join('; '));
    // Who only takes part can't be told what to do.
    element('reshard-steering').hidden = plan === null || phase === 'over';
    element('reshard-pause').disabled = plan?.isPaused !== false;
    element('reshard-resume').disabled = plan === null || !(plan.isPaused || plan.left > 0);
    element('reshard-abort').disabled = plan === null || isBack || !['old', 'hold', 'both'].includes(plan.phase);
    fill(plan?.participants ?? []);
  };
}

function factsOf({ keysMoved, movingKeys, bytesMoved, pace, isPaused, secondsLeft, expiresInSeconds, trouble, left }) {
  const facts = [`${count(keysMoved)} of about ${count(movingKeys)} keys, ${bytes(bytesMoved)} moved`];
  facts.push(`pace ${pace}${isPaused ? ', paused' : ''}`);
  if (secondsLeft !== null) facts.push(`${span(secondsLeft * 1000)} left`);
  if (expiresInSeconds !== null) facts.push(`keys that can’t be listed: ${span(expiresInSeconds * 1000)} left`);
  if (trouble !== null) facts.push(trouble);
  if (left > 0) facts.push(`${count(left)} big keys left`);
  return facts;
}

function shareOf({ phase, outcome, plan }) {
  if (phase === 'over') return outcome === 'done' ? 1 : 0;
  return plan === null || plan.movingKeys === 0 ? 0 : Math.min(1, plan.keysMoved / plan.movingKeys);
}
