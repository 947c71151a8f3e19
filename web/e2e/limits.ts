// What the figures of a run are held to.
//
// What people are promised holds on a machine that does nothing else: `COLLOQUY_STRICT=1` holds a
// run to it. A machine that is shared stalls for reasons of its own; there a run is held to what
// only a fault of ours breaks, and prints its figures all the same.

/** Whether this run is held to what is promised, and takes the time for it. */
export const STRICT = process.env['COLLOQUY_STRICT'] === '1';

const pick = (promised: number, onAnyMachine: number) => (STRICT ? promised : onAnyMachine);

export const LIMITS = {
  /** The roster may lag behind the truth. */
  rosterMs: pick(1_000, 10_000),
  /** From the last join until everybody sees everybody. */
  picturesMs: pick(3_000, 20_000),
  /** Share of the source's frames that arrive. */
  frameShare: pick(0.9, 0.5),
  /** Longest time without a new frame. */
  frameGapMs: pick(1_000, 5_000),
  /** From an action until others see it: a camera, a shared screen, the end of the meeting. */
  actionMs: pick(5_000, 20_000),
  /** From the end of the meeting until its page shows the recording. */
  recordingReadyMs: pick(10_000, 60_000),
  /** The file's length against the time between the clicks. */
  durationMs: pick(300, 3_000),
  /** From the return of a network until whoever was away sees and is seen. */
  backMs: pick(2_000, 20_000),
  /** Longest time without a new frame between those whose network is well. */
  othersGapMs: pick(300, 5_000),
  /** Share of the sound that is made up, under a tenth of loss. */
  concealedShare: pick(0.03, 0.25),
  /** Share of the time for which a picture stands still, under a tenth of loss. */
  frozenShare: pick(0.05, 0.6),
  /** Keyframes asked of one publisher, all layers together. */
  keyframesPerSecond: pick(1, 5),
  /** From when nobody receives a layer until it is sent no more, and from a look until it is seen. */
  layerOffMs: pick(2_000, 10_000),
  layerOnMs: pick(1_000, 10_000),
  /** Share of the sound that is made up on a line that is narrow. */
  narrowConcealedShare: pick(0.05, 0.25),
  /** From when a line is wide again until pictures are in full height. */
  fullHeightMs: pick(15_000, 45_000),
  /** Packets sent again, of all: a tenth of loss asks for a tenth, and for some of those again. */
  sentAgainShare: pick(0.25, 0.5),
} as const;

/** What a killed server is held to. */
export const CRASH_LIMITS = {
  /** Of the time before the kill, what a recording may lack. */
  missingMs: pick(700, 5_000),
  /** From a server that listens again until 19 of 20 people are back in their rooms. */
  backMs: pick(5_000, 30_000),
  /** Nobody is waited for longer. */
  backPatienceMs: 30_000,
} as const;
