// Changing things, with the token of the configuration.

const part = encodeURIComponent;

/** `page`: pool(), the one that is shown; onDone(). */
export function steer(form, answer, { pool, onDone }) {
  const value = name => form.elements[name].value.trim();
  const requests = {
    set: () => ['PATCH', 'settings', { set: { [value('setting')]: value('value') } }],
    unset: () => ['PATCH', 'settings', { unset: [value('setting')] }],
    eject: () => serverRequest('eject'),
    drain: () => serverRequest('drain'),
    readmit: () => serverRequest('readmit'),
  };
  const serverRequest = verb => ['POST', `servers/${part(pool())}/${part(value('server'))}/${verb}`, null];

  form.addEventListener('submit', async event => {
    event.preventDefault();
    const [method, path, body] = requests[event.submitter?.name ?? 'set']();
    answer.textContent = 'Asking …';
    try {
      const response = await fetch(`/api/v1/${path}`, {
        method,
        headers: {
          authorization: `Bearer ${value('token')}`,
          'x-ringmaster-by': 'page',
          ...(body !== null && { 'content-type': 'application/json' }),
        },
        ...(body !== null && { body: JSON.stringify(body) }),
      });
      const { result, error, changes = [] } = await response.json();
      const changed = changes.map(({ path: setting, old, new: now }) => `${setting}: ${old} → ${now}`).join(', ');
      answer.textContent = error ?? `${result}${changed && `: ${changed}`}`;
      await onDone();
    } catch (error) {
      answer.textContent = `It could not be asked: ${error.message}`;
    }
  });
}
