// Decides which pictures stand still: frames came, and none does for a while. Pure.

import type { TrackId } from "./protocol/signal.gen";

/** The eye notices sooner, but the node says after 1.5 s whose whole connection is silent. */
export const FROZEN_AFTER_MS = 2_000;

/** One person's picture in its slot. */
export interface Picture {
  /** The id of the slot's `MediaStreamTrack`: it counts on over everyone who is in it. */
  media: string;
  frames: number;
}

interface Sight extends Picture {
  /** A frame came since it is in this slot. */
  began: boolean;
  changedAtMs: number;
}

export class FreezeWatch {
  private sights = new Map<TrackId, Sight>();
  private current: ReadonlySet<TrackId> = new Set();

  /**
   * @param pictures those that are in a slot now; whoever is away for one reading begins anew
   * @param expected false while nothing arrives at all: then it is our network, and no picture's fault
   * @returns the same set as before when nothing changed
   */
  read(pictures: ReadonlyMap<TrackId, Picture>, expected: boolean, nowMs: number): ReadonlySet<TrackId> {
    const before = this.sights;
    this.sights = new Map([...pictures].map(([track, picture]) => [track, look(before.get(track), picture, expected, nowMs)]));
    const isFrozen = ([, sight]: [TrackId, Sight]) => sight.began && nowMs - sight.changedAtMs >= FROZEN_AFTER_MS;
    const frozen = new Set([...this.sights].filter(isFrozen).map(([track]) => track));
    if (frozen.size !== this.current.size || [...frozen].some((track) => !this.current.has(track))) this.current = frozen;
    return this.current;
  }
}

function look(before: Sight | undefined, picture: Picture, expected: boolean, nowMs: number): Sight {
  if (before?.media !== picture.media) return { ...picture, began: false, changedAtMs: nowMs };
  const moved = before.frames !== picture.frames;
  if (!moved && expected) return before;
  return { ...picture, began: before.began || moved, changedAtMs: nowMs };
}
