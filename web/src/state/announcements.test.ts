import { describe, expect, test } from "vitest";
import { announcements } from "./announcements";
import type { Person } from "./people";

const REC = { recording: "r", started_by: "Olga", started_at_ms: 1 };

function people(line: string): Person[] {
  return line.split(" ").filter(Boolean).map((word) => {
    const [name = "", ...marks] = word.split("+");
    return {
      id: name,
      name,
      role: "guest",
      self: name === "Me",
      lost: marks.includes("lost"),
      speaking: false,
      microphone: "live",
      camera: "live",
      screen: marks.includes("screen") ? "live" : "off",
    };
  });
}

describe("what is said when the room changes", () => {
  // Before, after, and what is said.
  test.each([
    ["Me", "Me Ann", ["Ann joined."]],
    ["Me Ann", "Me", ["Ann left."]],
    ["Me", "Me Ann Ben Cleo", ["Ann, Ben and Cleo joined."]],
    ["Me", "Me A B C D", ["4 people joined."]],
    ["Me Ann", "Me Ann+lost", ["Ann's connection is interrupted."]],
    ["Me Ann+lost", "Me Ann", ["Ann is back."]],
    ["Me Ann", "Me Ann+screen", ["Ann shares a screen."]],
    ["Me Ann+screen", "Me Ann", ["Ann stopped sharing."]],
    ["Me", "Me+screen", []],
  ])("%s, then %s", (before, after, said) => {
    expect(announcements({ people: people(before), recording: null }, { people: people(after), recording: null })).toEqual(said);
  });

  test("pictures that are left out because the network is slow are named, and when all are back", () => {
    const moment = (...paused: string[]) => ({ people: people("Me Ann Ben"), recording: null, paused: new Set(paused) });
    expect(announcements(moment(), moment("Ann", "Ben"))).toEqual(["Your network is slow: no picture of Ann and Ben for now."]);
    expect(announcements(moment("Ann", "Ben"), moment("Ben"))).toEqual([]);
    expect(announcements(moment("Ben"), moment())).toEqual(["All pictures are back."]);
    expect(announcements(moment("Ben"), { ...moment(), people: people("Me Ann") })).toEqual(["Ben left.", "All pictures are back."]);
  });

  test("a recording is announced with who started it, and its end", () => {
    const off = { people: people("Me"), recording: null };
    const on = { people: people("Me"), recording: REC };
    expect(announcements(off, on)).toEqual(["Olga started recording this meeting."]);
    expect(announcements(on, off)).toEqual(["Recording stopped."]);
    expect(announcements(on, on)).toEqual([]);
  });

  test("that a recording cannot be kept is said once, and that it goes on; a host has a banner", () => {
    const on = { people: people("Me"), recording: REC };
    const full = { ...on, recording: { ...REC, trouble: { reason: "disk_full" as const, since_ms: 5 } } };
    const interrupted = "Recording is interrupted: the server's disk is full. The meeting goes on.";
    expect(announcements(on, full)).toEqual([interrupted]);
    expect(announcements(full, full)).toEqual([]);
    expect(announcements({ ...on, host: true }, { ...full, host: true })).toEqual([]);
    const over = ["Recording goes on. What happened meanwhile may be missing in it."];
    expect(announcements(full, on)).toEqual(over);
    expect(announcements({ ...full, host: true }, { ...on, host: true })).toEqual(over);
    expect(announcements(full, { ...on, recording: null })).toEqual(["Recording stopped."]);
  });
});
