/**
 * Why a request could not be answered by a server. Each protocol words these for its clients; the texts are
 * twemproxy's where it has one, because people alert on them (see docs/from-twemproxy.md).
 */
export type FailureReason =
  | 'connection_refused'
  | 'connection_reset'
  | 'timed_out'
  | 'host_down'
  | 'no_route'
  | 'broken_pipe'
  | 'io_error'
  | 'no_backend'
  | 'overloaded'
  | 'no_private_connection'
  | 'no_replica'
  | 'blocked'
  | 'ejected_by_hand'
  | 'moving'
  | 'reserved_name'
  | 'limited'
  | 'limited_size'
  | 'limited_keys'
  | 'server_auth'
  | 'server_noauth'
  | 'server_wrongpass'
  | 'server_noperm'
  | 'server_busy'
  | 'server_busy_function'
  | 'server_loading'
  | 'server_version'
  | 'server_garbage'
  | 'server_tls';

export const FAILURE_TEXT: Readonly<Record<FailureReason, string>> = {
  connection_refused: 'Connection refused',
  connection_reset: 'Connection reset by peer',
  timed_out: 'Connection timed out',
  host_down: 'Host is down',
  no_route: 'No route to host',
  broken_pipe: 'Broken pipe',
  io_error: 'Input/output error',
  no_backend: 'Connection refused',
  overloaded: 'server overloaded: too many requests are waiting for it',
  no_private_connection: 'no server connection is free for this client alone: private_connections of them are in use',
  no_replica: 'no replica can answer now, and the primary may not be read from',
  blocked: 'blocked by an operator of the proxy',
  ejected_by_hand: 'server ejected by an operator of the proxy',
  moving: 'its key is on the move to another server, and could not be brought there in time',
  reserved_name: 'names that end in :ringmaster:claim and its like are reserved while keys move to other servers',
  limited: 'over a limit for this client, its user or its pool: try again later',
  limited_size: 'the request is larger than the limits for this client, its user or its pool allow',
  limited_keys: 'the request names more keys than the limits for this client, its user or its pool allow',
  server_auth: 'server refused the proxy: authentication or SELECT failed',
  server_noauth: 'server refused the proxy: authentication required',
  server_wrongpass: 'server refused the proxy: wrong password or user',
  server_noperm: 'server refused the proxy: its user lacks a permission',
  server_busy: 'server is busy running a script',
  server_busy_function: 'server is busy running a function',
  server_loading: 'server is loading its data',
  server_version: 'server does not speak the version of the protocol that this client has chosen',
  server_garbage: 'server answered something that is not its protocol',
  server_tls: 'server and proxy could not agree on TLS',
};

/** The server is well, but does not do for some what they want, or not now. */
export const REASONS_OF_A_WELL_SERVER: ReadonlySet<FailureReason> = new Set([
  'server_busy',
  'server_busy_function',
  'server_version',
]);

export const FAILURE_REASONS = Object.keys(FAILURE_TEXT) as readonly FailureReason[];

const BY_ERRNO: Readonly<Record<string, FailureReason>> = {
  ECONNREFUSED: 'connection_refused',
  // A unix socket whose file is missing: to the operator the same thing as a refused connection.
  ENOENT: 'connection_refused',
  ECONNRESET: 'connection_reset',
  ETIMEDOUT: 'timed_out',
  ENOTFOUND: 'host_down',
  EAI_AGAIN: 'host_down',
  EHOSTDOWN: 'host_down',
  EHOSTUNREACH: 'no_route',
  ENETUNREACH: 'no_route',
  EPIPE: 'broken_pipe',
  EPROTO: 'server_tls',
};

/** The reason that belongs to a socket error's `code`. */
export function failureFromErrno(code: string | undefined): FailureReason {
  return (code !== undefined && BY_ERRNO[code]) || 'io_error';
}
