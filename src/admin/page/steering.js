// Changing things, with the token of the configuration.

const part = encodeURIComponent;

/** `page`: pool(), the one that is shown; onDone(). What comes back changes something by itself: for buttons elsewhere on the page. */
export function steer(form, answer, { pool, onDone }) {
  const value = name => form.elements[name].value.trim();
  const serverRequest = verb => ['POST', `servers/${part(pool())}/${part(value('server'))}/${verb}`, null];
  const requests = {
    set: () => ['PATCH', 'settings', { set: { [value('setting')]: value('value') } }],
    unset: () => ['PATCH', 'settings', { unset: [value('setting')] }],
    save: () => ['POST', 'settings/save', null],
    eject: () => serverRequest('eject'),
    drain: () => serverRequest('drain'),
    readmit: () => serverRequest('readmit'),
    block: () => [
      'POST',
      'blocks',
      { pool: pool(), [value('kind')]: value('blocked'), ...(value('for') !== '' && { for: value('for') }) },
    ],
  };

  const send = async (method, path, body) => {
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
      answer.textContent = words(await response.json());
      await onDone();
    } catch (error) {
      answer.textContent = `It could not be asked: ${error.message}`;
    }
    // What was pressed may be far from where the answer is.
    answer.scrollIntoView({ block: 'nearest' });
  };

  form.addEventListener('submit', event => {
    event.preventDefault();
    send(...requests[event.submitter?.name ?? 'set']());
  });
  return {
    unblock: id => send('DELETE', `blocks/${part(id)}`, null),
    cut: id => send('DELETE', `clients/${part(id)}`, null),
    reshard: {
      pause: () => send('POST', 'reshard/pause', null),
      resume: () => send('POST', 'reshard/resume', null),
      pace: rate => send('POST', 'reshard/pace', { pace: rate }),
      abort: () => send('POST', 'reshard/abort', null),
    },
    server: (name, verb) => send('POST', `servers/${part(pool())}/${part(name)}/${verb}`, null),
  };
}

function words({ result, error, changes = [], saved = [], block, client, server, pace }) {
  if (error !== undefined) return error;
  const changed = changes.map(({ path, old, new: now }) => `${path}: ${old} → ${now}`);
  const what = [...changed, ...saved, block && `${block.kind} ${block.value}`, client?.address, server, pace];
  const named = what.filter(Boolean).join(', ');
  return `${result}${named && `: ${named}`}`;
}
