// Counts tries that come close together, so that what cannot succeed is not tried for ever.

export class Tries {
  private made = 0;
  private lastMs = 0;

  /**
   * @param most tries in a row; the next is refused
   * @param forgetMs after this long without one, the next is the first again
   */
  constructor(
    private readonly most: number,
    private readonly forgetMs: number,
  ) {}

  /** The number of this try, counted from 0, or null when there have been enough. */
  next(nowMs: number): number | null {
    if (nowMs - this.lastMs > this.forgetMs) this.made = 0;
    this.lastMs = nowMs;
    if (this.made >= this.most) return null;
    return this.made++;
  }
}
