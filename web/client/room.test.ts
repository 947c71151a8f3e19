import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readEnvelope } from "./protocol/read";
import type { Envelope, NodeMessage, Participant } from "./protocol/signal.gen";
import { afterMessage, EMPTY_ROOM, pausedTracks, type Room } from "./room";

const GOLDEN = join(import.meta.dirname, "../../sfu/protocol/tests/golden");
const BEN: Participant = { id: "ben", name: "Ben", role: "guest", joined_at_ms: 1, lost: false, tracks: [] };

function roomAfter(...messages: NodeMessage[]): Room {
  return messages.reduce((room, message) => afterMessage(room, message, 0), EMPTY_ROOM);
}

function golden(type: string): Envelope {
  const envelope = readEnvelope(readFileSync(join(GOLDEN, `node.${type}.json`), "utf8"));
  if (envelope === null) throw new Error(`node.${type}.json was not understood`);
  return envelope;
}

describe("reading at the door", () => {
  test("every golden example of a node's message is understood", () => {
    const files = readdirSync(GOLDEN).filter((name) => name.startsWith("node."));
    expect(files.length).toBeGreaterThanOrEqual(14);
    for (const name of files) expect(golden(name.split(".")[1] ?? "").seq).toBeGreaterThan(0);
  });

  test.each([[""], ["null"], ["[]"], ["{}"], ['{"seq":1}'], ['{"seq":"1","type":"pong"}'], ['{"seq":1,"type":"toString"}'], ["{"]])(
    "%j is dropped",
    (text) => {
      expect(readEnvelope(text)).toBeNull();
    },
  );
});

describe("the room", () => {
  test("joining replaces what was known", () => {
    const room = afterMessage(roomAfter({ type: "participant_joined", participant: BEN }), golden("joined"), 0);
    expect(room.participants.map(({ name }) => name)).toEqual(["Ben"]);
    expect(room.you).toBe("01930000-0000-7000-8000-0000000000aa");
    expect(room.recording?.started_by).toBe("Ada");
    expect(room.clockOffsetMs).toBe(1_795_000_000_000);
  });

  test("a slot is paused until the node says that it goes on, or somebody else is in it", () => {
    const [one, two] = ["ben:camera", "ben:screen"];
    const put = (slot: string, track: string | null): NodeMessage => ({ type: "slots", slots: [{ slot, track }] });
    const paused = (room: Room) => [...pausedTracks(room.slots, room.paused).keys()];
    const room = roomAfter(put("5", one), put("6", two), golden("paused"));
    expect(paused(room)).toEqual([one]);
    const after = (...messages: NodeMessage[]) => messages.reduce((now, message) => afterMessage(now, message, 0), room);
    expect(paused(after(put("5", one), put("6", null)))).toEqual([one]);
    expect(paused(after({ type: "paused", slots: [{ slot: "5", reason: null }] }))).toEqual([]);
    expect(paused(after(put("5", two)))).toEqual([]);
    expect(paused(after({ ...(golden("joined") as NodeMessage & { type: "joined" }), resumed: true }))).toEqual([one]);
    expect(paused(after(golden("joined"), put("5", one)))).toEqual([]);
  });

  test("a node that begins anew finds everyone in their place, in whatever order they come back", () => {
    const joined = (...ids: string[]): NodeMessage => ({
      ...(golden("joined") as NodeMessage & { type: "joined" }),
      resumed: false,
      participants: ids.map((id) => ({ ...BEN, id })),
    });
    const back = (id: string): NodeMessage => ({ type: "participant_joined", participant: { ...BEN, id } });
    const order = (...messages: NodeMessage[]) => roomAfter(...messages).participants.map(({ id }) => id);
    expect(order(joined("a", "b", "c"), joined("c"), back("b"), back("d"), back("a"))).toEqual(["a", "b", "c", "d"]);
    const left: NodeMessage = { type: "participant_left", participant: "a", reason: "left" };
    expect(order(joined("a", "b"), left, back("a"))).toEqual(["b", "a"]);
  });

  test("tracks come, change, go off and end", () => {
    const camera = { id: "ben:camera", state: "live", csrc: 1 } as const;
    const tracks = (...messages: NodeMessage[]) =>
      roomAfter({ type: "participant_joined", participant: BEN }, ...messages).participants[0]?.tracks.map(({ state }) => state);
    const live: NodeMessage = { type: "track_changed", track: camera };
    expect(tracks(live)).toEqual(["live"]);
    expect(tracks(live, { type: "track_changed", track: { ...camera, state: "muted" } })).toEqual(["muted"]);
    expect(tracks(live, { type: "track_changed", track: { ...camera, state: "off" } })).toEqual([]);
    expect(tracks(live, { type: "track_ended", track: "ben:camera" })).toEqual([]);
  });

  test("whoever leaves neither stays nor speaks", () => {
    const room = roomAfter(
      { type: "participant_joined", participant: BEN },
      { type: "speaking", participants: ["ben"] },
      { type: "participant_left", participant: "ben", reason: "left" },
    );
    expect(room.participants).toEqual([]);
    expect(room.speaking).toEqual([]);
  });

  test("a message about somebody unknown changes nothing", () => {
    expect(afterMessage(EMPTY_ROOM, { type: "participant_lost", participant: "x", lost: true }, 0)).toBe(EMPTY_ROOM);
  });

  test("slots keep what is not named", () => {
    const room = roomAfter(
      { type: "slots", slots: [{ slot: "5", track: "a:camera" }, { slot: "6", track: "b:camera" }] },
      { type: "slots", slots: [{ slot: "6", track: null }] },
    );
    expect([...room.slots]).toEqual([["5", "a:camera"], ["6", null]]);
  });
});
