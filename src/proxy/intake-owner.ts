/** The client that is read from. */
export interface IntakeOwner {
  /** It takes requests again after a pause. */
  onResumed(): void;
  /** It has another account from its next request on, or none. */
  onSignedIn(): void;
  /** Cuts the connection. */
  destroy(): void;
}
