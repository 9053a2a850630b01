/** A client that is not read from for now. */
export interface PausedClient {
  /** Looks whether it reads its replies. False: it is paused no longer. */
  lookForProgress(): boolean;
}

const LOOK_MS = 50;

/** Looks after the paused clients of a pool, for as long as there are any. */
export class PausedClients {
  private clients: PausedClient[] = [];
  private timer: NodeJS.Timeout | null = null;
  private readonly look = (): void => {
    this.timer = null;
    const { clients } = this;
    this.clients = [];
    for (const client of clients) if (client.lookForProgress()) this.add(client);
  };

  /** `client` is paused, and not in here yet. */
  add(client: PausedClient): void {
    this.clients.push(client);
    if (this.timer === null) this.timer = setTimeout(this.look, LOOK_MS).unref();
  }
}
