/** Who has acknowledged what. */
export interface ParticipantState {
  /** `this one`, or an admin address. */
  readonly proxy: string;
  /** null: it is in the phase. */
  readonly why: string | null;
}

/** Of a participant: nobody knows yet. */
export const NOT_ASKED = 'not asked yet';
