import { beforeEach, describe, expect, test } from "vitest";
import type { Capture } from "./capture";
import { GIVE_UP_AFTER_MS, PING_EVERY_MS, SILENCE_MS } from "./channel";
import { AUDIO_SLOTS, VIDEO_SLOTS } from "./connection";
import { Scope } from "./lib/scope";
import { seqAfter, Session, SessionOver, type Ticket, TICKET_FRESH_MS } from "./session";
import { FakeBrowser, type FakeSocket } from "./tests/fakes";
import { JOINED, joinRoom, newCapture, SLOTS, TICKET } from "./tests/stay";

let browser: FakeBrowser;
let capture: Capture;
let session: Session;
let scope: Scope;
let renewals: number;
let renew: () => Promise<Ticket>;

beforeEach(() => {
  browser = new FakeBrowser();
  scope = new Scope();
  renewals = 0;
  renew = async () => ({ ...TICKET, grant: `renewed ${++renewals}` });
  capture = newCapture(scope);
  session = new Session({ browser, scope, capture, renew: () => renew() });
});

/** The WebSocket dies, and the next one opens after the wait. */
async function loseAndReopen(): Promise<FakeSocket> {
  browser.lastSocket.onclose?.();
  await browser.pass(400);
  browser.lastSocket.onopen?.();
  return browser.lastSocket;
}

describe("joining", () => {
  test("says join first, then offers what it sends and every slot", async () => {
    await capture.startCamera();
    const socket = await joinRoom(session, browser);
    expect(socket.sent.map(({ type }) => type).slice(0, 2)).toEqual(["join", "offer"]);
    expect(socket.ofType("join")[0]).toEqual({ type: "join", version: 1, grant: "first" });
    expect(socket.ofType("offer")[0]?.publish).toEqual([
      { mid: "0", source: "microphone", state: "off" },
      { mid: "1", source: "camera", state: "live" },
      { mid: "2", source: "screen", state: "off" },
      { mid: "3", source: "screen_audio", state: "off" },
    ]);
    expect(session.state.get()).toEqual({ at: "joined" });
    expect(session.voices.get()).toHaveLength(AUDIO_SLOTS);
  });

  test("what is captured reaches the m-line and the node", async () => {
    const socket = await joinRoom(session, browser);
    await capture.startMicrophone();
    await browser.pass(0);
    expect(browser.lastPeer.transceivers[0]?.sender.track).toBe(capture.source("microphone").get().track);
    capture.muteMicrophone();
    await browser.pass(0);
    expect(socket.ofType("set_track")).toEqual([
      { type: "set_track", source: "microphone", state: "live" },
      { type: "set_track", source: "microphone", state: "muted" },
    ]);
  });

  test("what is shown is asked for, and arrives by slot", async () => {
    const socket = await joinRoom(session, browser);
    session.show([{ track: "ben:camera", heightPx: 300, priority: 100 }]);
    const wants = socket.ofType("want").at(-1)?.wants;
    expect(wants?.find(({ slot }) => slot === "10")).toEqual({
      slot: "10",
      show: { track: "ben:camera" },
      max_height: 360,
      priority: 100,
    });
    socket.says(3, { type: "slots", slots: [{ slot: "10", track: "ben:camera" }] });
    expect([...session.pictures.get().keys()]).toEqual(["ben:camera"]);
  });

  test("more pictures than slots bring one more offer", async () => {
    const socket = await joinRoom(session, browser);
    session.show(Array.from({ length: VIDEO_SLOTS + 2 }, (_, i) => ({ track: `p${i}:camera`, heightPx: 90, priority: 1 })));
    await browser.pass(0);
    expect(socket.ofType("offer").map(({ revision }) => revision)).toEqual([1, 2]);
    expect(browser.lastPeer.transceivers).toHaveLength(4 + AUDIO_SLOTS + VIDEO_SLOTS + 2);
  });

  test.each([
    ["limit_reached", "full"],
    ["unsupported_version", "outdated"],
    ["not_allowed", "refused"],
  ] as const)("a join refused with %s ends as %s", async (code, reason) => {
    session.join(TICKET);
    await browser.pass(0);
    browser.lastSocket.onopen?.();
    browser.lastSocket.says(0, { type: "refused", about: "join", code, message: "" });
    expect(session.state.get()).toEqual({ at: "left", reason });
  });

  test("a spent grant is renewed once; a fresh one that is refused ends it", async () => {
    session.join(TICKET);
    await browser.pass(0);
    browser.lastSocket.onopen?.();
    browser.lastSocket.says(0, { type: "refused", about: "join", code: "grant_invalid", message: "" });
    await browser.pass(1_000);
    browser.lastSocket.onopen?.();
    expect(browser.lastSocket.ofType("join")[0]?.grant).toBe("renewed 1");
    browser.lastSocket.says(0, { type: "refused", about: "join", code: "grant_invalid", message: "" });
    expect(session.state.get()).toEqual({ at: "left", reason: "refused" });
  });
});

describe("losing the WebSocket", () => {
  test("comes back with where it stopped, and the media goes on", async () => {
    await joinRoom(session, browser);
    session.show([{ track: "ben:camera", heightPx: 300, priority: 100 }]);
    const peer = browser.lastPeer;
    browser.lastSocket.onclose?.();
    expect(session.state.get()).toEqual({ at: "lost" });
    capture.muteMicrophone();
    await browser.pass(400);
    browser.lastSocket.onopen?.();
    const socket = browser.lastSocket;
    expect(socket.ofType("join")[0]?.resume).toEqual({ resume_key: "key", last_seq: 2 });
    socket.says(3, { ...JOINED, resumed: true });
    expect(session.state.get()).toEqual({ at: "joined" });
    expect(browser.lastPeer).toBe(peer);
    expect(socket.ofType("set_track").map(({ source }) => source).sort()).toEqual(["camera", "microphone", "screen", "screen_audio"]);
    expect(socket.ofType("want")[0]?.wants.some(({ show }) => typeof show === "object")).toBe(true);
  });

  test("late in a meeting the grant is renewed before coming back to the kept place", async () => {
    const socket = await joinRoom(session, browser);
    for (let waited = 0; waited < TICKET_FRESH_MS; waited += PING_EVERY_MS) {
      await browser.pass(PING_EVERY_MS);
      socket.says(0, { type: "pong", sent_at_ms: 0, server_time_ms: 0 });
    }
    const back = await loseAndReopen();
    expect(back.ofType("join")[0]).toMatchObject({ grant: "renewed 1", resume: { resume_key: "key" } });
  });

  test("missed messages are processed once", async () => {
    const ben = { id: "ben", name: "Ben", role: "guest", joined_at_ms: 1, lost: false, tracks: [] } as const;
    await joinRoom(session, browser);
    const socket = await loseAndReopen();
    socket.says(2, { ...JOINED, resumed: true });
    socket.says(2, { type: "participant_joined", participant: { ...ben, tracks: [] } });
    expect(session.room.get().participants).toEqual([]);
    socket.says(3, { type: "participant_joined", participant: { ...ben, tracks: [] } });
    expect(session.room.get().participants).toHaveLength(1);
  });

  test("a place that is gone is taken anew with a new connection", async () => {
    await joinRoom(session, browser);
    const peer = browser.lastPeer;
    const socket = await loseAndReopen();
    socket.says(1, JOINED);
    await browser.pass(0);
    expect(peer.closed).toBe(true);
    expect(browser.lastPeer).not.toBe(peer);
    expect(socket.ofType("offer")[0]?.revision).toBe(1);
  });

  test("a node that asks to wait is not troubled earlier", async () => {
    const socket = await joinRoom(session, browser);
    socket.says(3, { type: "bye", reason: "draining", retry_after_ms: 5_000 });
    await browser.pass(4_999);
    expect(browser.sockets).toHaveLength(1);
    await browser.pass(1_500);
    expect(browser.sockets).toHaveLength(2);
  });

  test("a silent network is noticed though no WebSocket closes", async () => {
    const socket = await joinRoom(session, browser);
    await browser.pass(PING_EVERY_MS);
    expect(socket.ofType("ping")).toHaveLength(1);
    await browser.pass(SILENCE_MS);
    expect(session.state.get()).toEqual({ at: "lost" });
    expect(socket.closed).toBe(true);
  });

  test("a node that stays away is given up after two minutes", async () => {
    await joinRoom(session, browser);
    browser.lastSocket.onclose?.();
    for (let waited = 0; waited <= GIVE_UP_AFTER_MS + 20_000; waited += 1_000) {
      await browser.pass(1_000);
      if (session.state.get().at === "lost") browser.lastSocket.onclose?.();
    }
    expect(session.state.get()).toEqual({ at: "left", reason: "unreachable" });
    const tries = browser.sockets.length;
    expect(tries).toBeLessThan(40);
    await browser.pass(60_000);
    expect(browser.sockets).toHaveLength(tries);
  });

  test("hurrying ends the wait", async () => {
    await joinRoom(session, browser);
    browser.lastSocket.onclose?.();
    session.hurry();
    await browser.pass(0);
    expect(browser.sockets).toHaveLength(2);
  });
});

describe("losing the media path", () => {
  test("an interruption that lasts is met with new candidates", async () => {
    await joinRoom(session, browser);
    browser.lastPeer.becomes("disconnected");
    await browser.pass(2_000);
    expect(browser.lastPeer.iceRestarts).toBe(0);
    await browser.pass(2_000);
    expect(browser.lastPeer.iceRestarts).toBe(1);
    expect(browser.lastSocket.ofType("offer")).toHaveLength(2);
  });

  test("an interruption that heals by itself is left alone", async () => {
    await joinRoom(session, browser);
    browser.lastPeer.becomes("disconnected");
    await browser.pass(2_000);
    browser.lastPeer.becomes("connected");
    await browser.pass(4_000);
    expect(browser.lastPeer.iceRestarts).toBe(0);
  });

  test("a path that does not heal is joined anew as the same participant", async () => {
    const socket = await joinRoom(session, browser);
    browser.lastPeer.becomes("failed");
    const answerPings = () => socket.says(0, { type: "pong", sent_at_ms: 0, server_time_ms: 0 });
    for (let second = 0; second < 11; second++) {
      await browser.pass(1_000);
      if (!socket.closed) answerPings();
    }
    expect(socket.closed).toBe(true);
    expect(renewals).toBe(1);
    browser.lastSocket.onopen?.();
    expect(browser.lastSocket.ofType("join")[0]).toEqual({ type: "join", version: 1, grant: "renewed 1" });
  });

  test("a restart's own states do not stop the wait for the path to be there again", async () => {
    const socket = await joinRoom(session, browser);
    const { lastPeer: peer } = browser;
    peer.becomes("failed");
    await browser.pass(500);
    socket.says(3, { type: "answer", revision: 2, sdp: "answer", slots: SLOTS });
    for (let second = 0; second < 11; second++) {
      peer.becomes(second % 2 === 0 ? "connecting" : "failed");
      await browser.pass(1_000);
      if (!socket.closed) socket.says(0, { type: "pong", sent_at_ms: 0, server_time_ms: 0 });
    }
    expect(peer.iceRestarts).toBe(1);
    expect(renewals).toBe(1);
  });

  test("a path that a restart brings back is kept", async () => {
    const socket = await joinRoom(session, browser);
    const { lastPeer: peer } = browser;
    peer.becomes("failed");
    await browser.pass(500);
    socket.says(3, { type: "answer", revision: 2, sdp: "answer", slots: SLOTS });
    peer.becomes("connecting");
    peer.becomes("connected");
    for (let second = 0; second < 20; second++) {
      await browser.pass(1_000);
      socket.says(0, { type: "pong", sent_at_ms: 0, server_time_ms: 0 });
    }
    expect(renewals).toBe(0);
    peer.becomes("failed");
    expect(peer.closed).toBe(false);
    await browser.pass(0);
    expect(peer.iceRestarts).toBe(2);
  });

  test("a meeting that is over meanwhile ends the session", async () => {
    await joinRoom(session, browser);
    renew = async () => {
      throw new SessionOver("ended");
    };
    browser.lastSocket.says(3, { type: "bye", reason: "grant_expired" });
    await browser.pass(1_000);
    expect(session.state.get()).toEqual({ at: "left", reason: "ended" });
  });
});

describe("leaving", () => {
  test("is said to the node, and closes everything", async () => {
    const socket = await joinRoom(session, browser);
    session.leave();
    expect(socket.ofType("leave")).toHaveLength(1);
    expect(socket.closed).toBe(true);
    expect(browser.lastPeer.closed).toBe(true);
    expect(session.state.get()).toEqual({ at: "left", reason: "left" });
    expect(session.voices.get()).toEqual([]);
  });

  test.each(["ended", "removed", "replaced"] as const)("a goodbye because of %s is final", async (reason) => {
    const socket = await joinRoom(session, browser);
    socket.says(3, { type: "bye", reason });
    socket.onclose?.();
    await browser.pass(60_000);
    expect(session.state.get()).toEqual({ at: "left", reason });
    expect(browser.sockets).toHaveLength(1);
  });

  test("a mute by the host mutes and is told", async () => {
    await capture.startMicrophone();
    const socket = await joinRoom(session, browser);
    const told: string[] = [];
    session.notices.subscribe(({ kind }) => told.push(kind));
    socket.says(3, { type: "muted_by_host", source: "microphone" });
    expect(capture.source("microphone").get().state).toBe("muted");
    expect(told).toEqual(["muted_by_host"]);
  });
});

test.each([
  [5, 6, 6],
  [5, 5, null],
  [5, 0, 5],
])("after %i the number %i leads to %j", (last, seq, next) => {
  expect(seqAfter(last, { seq, type: "speaking", participants: [] })).toBe(next);
});
