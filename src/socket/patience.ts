/** A wait in vain must be made up for by so many that were not: more rarely rewarded, waiting costs more than it saves. */
const COST_IN_VAIN = 4;
const MAX = 32;
/** Chances to wait that pass unused when it is at an end. */
const CHANCES_TO_PASS = 64;

/**
 * Whether to wait, by what came of the last waits. While four of five are rewarded it waits every time. When too many were
 * in vain it lets chances pass, and then tries whether times have changed.
 */
export class Patience {
  private left = MAX;
  private chancesToPass = 0;

  /** Asked at each chance to wait. */
  hasAny(): boolean {
    if (this.chancesToPass === 0) return true;
    this.chancesToPass--;
    return false;
  }

  wasRewarded(): void {
    if (this.left < MAX) this.left++;
  }

  wasInVain(): void {
    this.left -= COST_IN_VAIN;
    if (this.left > 0) return;
    this.chancesToPass = CHANCES_TO_PASS;
    // Enough for one more.
    this.left = COST_IN_VAIN;
  }
}
