// Decides which pictures stand still: frames came, and none does for a while. Pure.

/** The eye notices sooner, but the node says after 1.5 s whose whole connection is silent. */
export const FROZEN_AFTER_MS = 2_000;

interface Sight {
  frames: number;
  changedAtMs: number;
}

export class FreezeWatch {
  private sights = new Map<string, Sight>();
  private current: ReadonlySet<string> = new Set();

  /**
   * @param frames how many each picture has brought so far
   * @param expected false while nothing arrives at all: then it is our network, and no picture's fault
   * @returns the same set as before when nothing changed
   */
  read(frames: ReadonlyMap<string, number>, expected: boolean, nowMs: number): ReadonlySet<string> {
    const before = this.sights;
    this.sights = new Map();
    for (const [picture, count] of frames) {
      const sight = before.get(picture);
      const still = sight?.frames === count && expected;
      this.sights.set(picture, still ? sight : { frames: count, changedAtMs: nowMs });
    }
    const isFrozen = ([, sight]: [string, Sight]) => sight.frames > 0 && nowMs - sight.changedAtMs >= FROZEN_AFTER_MS;
    const frozen = new Set([...this.sights].filter(isFrozen).map(([picture]) => picture));
    if (frozen.size !== this.current.size || [...frozen].some((picture) => !this.current.has(picture))) this.current = frozen;
    return this.current;
  }
}
