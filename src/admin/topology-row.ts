/** The servers of a pool that are found, as they are known now. */
export interface TopologyRow {
  readonly pool: string;
  readonly kind: 'cluster' | 'sentinel';
  /** The last reason to ask, and when there was an answer and when it was another than before: ISO 8601; null: never yet. */
  readonly why: string;
  readonly refreshedAt: string | null;
  readonly changedAt: string | null;
  /** How often was asked, and of these without result; how often another server has taken over. */
  readonly refreshes: number;
  readonly failures: number;
  readonly failOvers: number;
  /** Of a cluster: slots that nobody has. */
  readonly unservedSlots: number | null;
  readonly nodes: readonly TopologyNodeRow[];
}

export interface TopologyNodeRow {
  readonly server: string;
  readonly address: string;
  readonly role: 'primary' | 'replica';
  /** It has had that role, as far as is known: ISO 8601. */
  readonly since: string;
  /** Of a cluster: how many slots it has, and which: `0-5460`, `7000`. */
  readonly slots: number;
  readonly ranges: readonly string[];
}
