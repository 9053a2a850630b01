// What the daemon sends by itself, every second; and the word when it is gone and when it is back.

const RETRY_MS = 1000;
/** It sends once a second. One that hangs keeps its connections. */
const SILENT_MS = 5000;

/** `handlers`: overview(data), event(data), gone(sinceMs), back(). */
export function listen(handlers) {
  let isThere = null;
  let heardMs = Date.now();
  /** Since then nothing came on this connection. */
  let quietSinceMs = heardMs;
  let source = null;
  let retry = 0;

  const heard = () => {
    heardMs = Date.now();
    quietSinceMs = heardMs;
    if (isThere === true) return;
    isThere = true;
    handlers.back();
  };
  const lost = () => {
    source?.close();
    source = null;
    if (isThere !== false) {
      isThere = false;
      handlers.gone(heardMs);
    }
    clearTimeout(retry);
    retry = setTimeout(open, RETRY_MS);
  };
  const open = () => {
    quietSinceMs = Date.now();
    source = new EventSource('/api/v1/stream');
    source.addEventListener('error', lost);
    for (const name of ['overview', 'event']) {
      source.addEventListener(name, ({ data }) => {
        heard();
        handlers[name](JSON.parse(data));
      });
    }
  };
  setInterval(() => {
    if (source !== null && Date.now() - quietSinceMs > SILENT_MS) lost();
  }, RETRY_MS);
  open();
}

/** GET of the API, or null when it can't be had. */
export async function ask(path, query = {}) {
  try {
    const response = await fetch(`/api/v1/${path}?${new URLSearchParams(query)}`, {
      signal: AbortSignal.timeout(10_000),
    });
    return response.ok ? await response.json() : null;
  } catch {
    return null;
  }
}
