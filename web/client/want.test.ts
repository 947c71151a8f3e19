import { describe, expect, test } from "vitest";
import type { SlotId, Want } from "./protocol/signal.gen";
import { changedWants, chooseWants, heightStep, type Shown } from "./want";

const picture = (track: string, heightPx = 300, priority = 100): Shown => ({ track, heightPx, priority });

/** Which track is asked for in each slot, written `5:ann 6:-`. */
function line(wants: ReadonlyMap<SlotId, Want>): string {
  return [...wants.values()].map(({ slot, show }) => `${slot}:${typeof show === "object" ? show.track : "-"}`).join(" ");
}

describe("what is asked for", () => {
  test("pictures fill the slots in order of importance; the rest shows nothing", () => {
    expect(line(chooseWants(["5", "6", "7"], [picture("ann"), picture("ben")], new Map()))).toBe("5:ann 6:ben 7:-");
  });

  test("a picture keeps its slot whoever comes and goes", () => {
    const first = chooseWants(["5", "6", "7"], [picture("ann"), picture("ben")], new Map());
    const second = chooseWants(["5", "6", "7"], [picture("cleo"), picture("ben"), picture("ann")], first);
    expect(line(second)).toBe("5:ann 6:ben 7:cleo");
    expect(line(chooseWants(["5", "6", "7"], [picture("cleo"), picture("ben")], second))).toBe("5:- 6:ben 7:cleo");
  });

  test("what does not fit is the least important", () => {
    const first = chooseWants(["5", "6"], [picture("ann"), picture("ben")], new Map());
    expect(line(chooseWants(["5", "6"], [picture("screen"), picture("ben"), picture("ann")], first))).toBe("5:screen 6:ben");
  });

  test("only what changed is said", () => {
    const first = chooseWants(["5", "6"], [picture("ann", 300)], new Map());
    expect(changedWants(new Map(), first)).toHaveLength(2);
    const sameStep = chooseWants(["5", "6"], [picture("ann", 350)], first);
    expect(changedWants(first, sameStep)).toEqual([]);
    const larger = chooseWants(["5", "6"], [picture("ann", 700)], first);
    expect(changedWants(first, larger)).toEqual([
      { slot: "5", show: { track: "ann" }, max_height: 720, priority: 100 },
    ]);
  });

  test.each([
    [1, 90],
    [90, 90],
    [91, 180],
    [500, 540],
    [720, 720],
    [4_000, 1080],
  ])("an element of %i pixels asks for %i", (px, step) => {
    expect(heightStep(px)).toBe(step);
  });
});
