// What happened: asked for when the daemon is there, and told by it from then on.

/** More than these nobody reads. */
const EVENTS_MAX = 50;

/** `ask` as in feed.js; `show` gets all of them, the newest first. Their ids are those of one daemon: another one's begin anew. */
export function eventsOf(ask, show) {
  let events = [];
  /** Told since all of them were asked for: the answer may be older. */
  let told = [];
  let questions = 0;
  let isMissing = false;

  const put = next => {
    events = next.slice(0, EVENTS_MAX);
    show(events);
  };
  const askAll = async () => {
    const question = ++questions;
    told = [];
    const answer = await ask('events', { count: EVENTS_MAX });
    if (question !== questions) return;
    isMissing = answer === null;
    if (isMissing) return;
    const answered = new Set(answer.events.map(({ id }) => id));
    put([...told.filter(({ id }) => !answered.has(id)), ...answer.events]);
  };
  return {
    add(event) {
      told = [event, ...told].slice(0, EVENTS_MAX);
      put([event, ...events]);
    },
    askAll,
    /** Where no answer came. */
    async askAgain() {
      if (isMissing) await askAll();
    },
  };
}
