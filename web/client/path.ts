// Decides whether the media path is dead, from what arrives on it. Pure.
//
// ICE itself takes five seconds to call a path interrupted and up to thirty to give it up. Where
// packets came many times a second and suddenly none does, less than one says as much.

/** A path carries so many packets in a reading while anybody sends: feedback alone is more. */
const FLOWING_PACKETS = 3;
/** Readings in a row that make a flow. One that only keeps itself alive (RFC 7675) never gets there. */
const FLOWING_READINGS = 4;
/** A flow that brings nothing for this long has stopped. To be wrong costs one question to the node. */
export const SILENT_AFTER_MS = 750;

export type PathState =
  /** Nothing is expected on it, so silence says nothing. */
  | "quiet"
  | "flowing"
  /** It flowed, and nothing comes any more. */
  | "silent";

export class PathWatch {
  private readings = 0;
  private heardAtMs = 0;
  private current: PathState = "quiet";

  get state(): PathState {
    return this.current;
  }

  /** @param packets how many came since the last reading */
  read(packets: number, nowMs: number): PathState {
    if (packets > 0) this.heard(packets, nowMs);
    else if (this.current === "flowing" && nowMs - this.heardAtMs >= SILENT_AFTER_MS) this.current = "silent";
    else if (this.current === "quiet") this.readings = 0;
    return this.current;
  }

  private heard(packets: number, nowMs: number): void {
    this.heardAtMs = nowMs;
    this.readings = packets >= FLOWING_PACKETS ? this.readings + 1 : 0;
    if (this.current === "silent") this.readings = 0;
    this.current = this.readings >= FLOWING_READINGS ? "flowing" : "quiet";
  }
}
