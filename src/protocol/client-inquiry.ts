/** What is asked about the clients of a pool, or done to them, in all workers. Plain data: it travels between processes. */
export interface ClientQuestion {
  readonly action: 'list' | 'kill' | 'unblock' | 'pause';
  /** Who asks; it is not killed before it has its reply. */
  readonly askerId: number;
  /** Only clients of which all that is not null is true: its number is one of these, … */
  readonly ids: readonly number[] | null;
  readonly peer: string | null;
  readonly local: string | null;
  /** … it is of this kind, in the protocol's words, … */
  readonly kind: string | null;
  /** … it is connected for so long. */
  readonly minAgeSeconds: number;
  /** … it is of this user. */
  readonly user: string | null;
  readonly isWithoutAsker: boolean;
  /** `unblock`: with an error; else as if the time had run out. */
  readonly isError: boolean;
  /** `pause`: until then, in ms since 1970; 0: a pause ends. Where there is one already, the longer and the wider are true. */
  readonly untilMs: number;
  /** `pause`: only what may write is held up. */
  readonly isOfWrites: boolean;
}

/** Of one worker. */
export interface ClientAnswer {
  /** `list`: a line for each client. */
  readonly lines: readonly string[];
  /** How many were found, and something could be done to them. */
  readonly count: number;
}

export interface ClientInquiry {
  readonly question: ClientQuestion;
  /** What the client reads; without `isWhole` some workers have not answered in time. The bytes are never written to again. */
  reply(answers: readonly ClientAnswer[], isWhole: boolean): Buffer;
}

/** Asks all workers about their clients of the pool; `then` is called once, later. */
export type AskClients = (
  question: ClientQuestion,
  then: (answers: readonly ClientAnswer[], isWhole: boolean) => void,
) => void;
