/** So much in so long. */
export interface RateOption {
  readonly amount: number;
  readonly periodMs: number;
}

/** What a tenant may ask, over all workers. Null: as much as it likes. */
export interface LimitOptions {
  readonly requests: RateOption | null;
  readonly bytesIn: RateOption | null;
  readonly bytesOut: RateOption | null;
  readonly commands: readonly CommandLimitOption[];
  /** Requests that are not answered. */
  readonly pending: number | null;
  readonly requestBytes: number | null;
  readonly requestKeys: number | null;
  /** What the rates allow in so long may come at once. */
  readonly burstMs: number;
  /** What is over a rate or has too much pending is refused; else it waits. */
  readonly isRefusing: boolean;
}

export interface CommandLimitOption {
  /** As the configuration has it. */
  readonly name: string;
  /** The commands it is about, by the names of the protocol's table. */
  readonly commands: ReadonlySet<string>;
  readonly rate: RateOption;
}

/** What a request was over, for people; of a command, `command @write`. */
export type LimitName = string;
