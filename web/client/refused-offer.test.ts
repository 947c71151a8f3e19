// What becomes of offers that the node does not take.

import { beforeEach, describe, expect, test } from "vitest";
import type { Capture } from "./capture";
import { VIDEO_SLOTS } from "./connection";
import { Scope } from "./lib/scope";
import type { NodeMessage, RefusedCode } from "./protocol/signal.gen";
import { MOST_NEW_CONNECTIONS, Session } from "./session";
import { FakeBrowser } from "./tests/fakes";
import { JOINED, joinRoom, newCapture, SLOTS, TICKET } from "./tests/stay";

let browser: FakeBrowser;
let capture: Capture;
let session: Session;

beforeEach(() => {
  browser = new FakeBrowser();
  const scope = new Scope();
  capture = newCapture(scope);
  session = new Session({ browser, scope, capture, renew: async () => TICKET });
});

describe("a refused offer", () => {
  const refused = (code: RefusedCode): NodeMessage => ({ type: "refused", about: "offer", code, message: "" });

  /** Asks for one picture more than there are slots. */
  const grow = async () => {
    session.show(Array.from({ length: VIDEO_SLOTS + 1 }, (_, i) => ({ track: `p${i}:camera`, heightPx: 90, priority: 1 })));
    await browser.pass(0);
  };

  test("takes nothing away and blocks no later one", async () => {
    const socket = await joinRoom(session, browser);
    const { lastPeer: peer } = browser;
    const told: string[] = [];
    session.notices.subscribe(({ kind }) => told.push(kind));
    await grow();
    socket.says(3, refused("limit_reached"));
    await browser.pass(0);
    expect(told).toEqual(["refused"]);
    peer.becomes("failed");
    await browser.pass(0);
    const offers = socket.ofType("offer");
    expect(offers.map(({ revision }) => revision)).toEqual([1, 2, 3]);
    expect(offers[2]?.sdp).toBe(offers[0]?.sdp);
    expect(peer.iceRestarts).toBe(1);
    socket.says(4, { type: "answer", revision: 3, sdp: "answer", slots: SLOTS });
    await browser.pass(0);
    expect(peer.answers).toHaveLength(2);
  });

  test("lets what waited behind it be offered", async () => {
    const socket = await joinRoom(session, browser);
    await grow();
    browser.lastPeer.becomes("failed");
    await browser.pass(0);
    expect(socket.ofType("offer")).toHaveLength(2);
    socket.says(3, refused("limit_reached"));
    await browser.pass(0);
    expect(socket.ofType("offer")).toHaveLength(3);
    expect(browser.lastPeer.iceRestarts).toBe(1);
  });

  test.each(["internal", "offer_unusable"] as const)("with %s brings a new connection in the same place", async (code) => {
    await capture.startCamera();
    const socket = await joinRoom(session, browser);
    session.show([{ track: "ben:camera", heightPx: 300, priority: 100 }]);
    socket.says(3, { type: "slots", slots: [{ slot: "10", track: "ben:camera" }] });
    const { lastPeer: broken } = browser;
    socket.says(4, refused(code));
    socket.says(5, refused(code));
    await browser.pass(1_000);
    expect(broken.closed).toBe(true);
    expect(browser.peers).toHaveLength(2);
    expect(session.pictures.get().size).toBe(0);
    const offer = socket.ofType("offer").at(-1);
    expect(offer).toMatchObject({ revision: 2 });
    expect(offer?.publish[1]).toEqual({ mid: "1", source: "camera", state: "live" });
    // What the node said to the connection before is not this one's answer.
    socket.says(6, { type: "answer", revision: 1, sdp: "late", slots: SLOTS });
    socket.says(7, { type: "answer", revision: 2, sdp: "answer", slots: SLOTS });
    await browser.pass(0);
    expect(browser.lastPeer.answers).toHaveLength(1);
    expect(socket.ofType("want").at(-1)?.wants.some(({ show }) => typeof show === "object")).toBe(true);
    expect(session.state.get()).toEqual({ at: "joined" });
    expect(socket.closed).toBe(false);
  });

  test("before there is any path is made again when there was no place for it", async () => {
    session.join(TICKET);
    await browser.pass(0);
    const socket = browser.lastSocket;
    socket.onopen?.();
    socket.says(1, JOINED);
    await browser.pass(0);
    socket.says(2, refused("limit_reached"));
    await browser.pass(1_000);
    expect(socket.ofType("offer").map(({ revision }) => revision)).toEqual([1, 2]);
  });

  test("again and again waits longer each time and ends the session", async () => {
    const socket = await joinRoom(session, browser);
    const madeAtMs: number[] = [];
    let seq = 2;
    const startMs = browser.nowMs();
    while (session.state.get().at === "joined" && browser.nowMs() - startMs < 120_000) {
      const before = browser.peers.length;
      socket.says(++seq, refused("internal"));
      for (let tenth = 0; tenth < 150 && browser.peers.length === before && session.state.get().at === "joined"; tenth++) {
        await browser.pass(100);
        socket.says(0, { type: "pong", sent_at_ms: 0, server_time_ms: 0 });
      }
      madeAtMs.push(browser.nowMs());
    }
    expect(session.state.get()).toEqual({ at: "left", reason: "unreachable" });
    expect(browser.peers).toHaveLength(1 + MOST_NEW_CONNECTIONS);
    const waitsMs = madeAtMs.slice(1, MOST_NEW_CONNECTIONS).map((atMs, i) => atMs - (madeAtMs[i] ?? 0));
    expect(waitsMs).toEqual([...waitsMs].sort((a, b) => a - b));
    expect(waitsMs.at(-1)).toBeGreaterThan(5_000);
  });
});
