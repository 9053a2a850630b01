/** What a client did that an audit log has. Plain data, which travels as it is. */
export interface AuditEntry {
  /** Milliseconds since 1970. */
  readonly atMs: number;
  readonly event: 'signed_in' | 'sign_in_refused' | 'command';
  /** Why a sign-in was refused: the password was wrong, or the user has as many connections as it may. Empty: it was not. */
  readonly reason: '' | 'wrong_password' | 'connections';
  readonly pool: string;
  /** Whom it has signed in as, or tried to; empty: nobody. */
  readonly user: string;
  /** Address and port, or the path of the unix socket. */
  readonly client: string;
  readonly command: string;
  /** Ringmaster answered it with an error; else it went to servers, or was answered. */
  readonly isRefused: boolean;
  /** Printable, each cut to 128 bytes; null: they are not to be told. */
  readonly keys: readonly string[] | null;
}
