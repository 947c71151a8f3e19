import { beforeEach, describe, expect, test } from "vitest";
import { DOUBT_MS, PING_EVERY_MS, TRY_PATIENCE_MS } from "./channel";
import { EARLY_MS, LONGEST_EARLY_WAIT_MS } from "./lib/backoff";
import { Scope } from "./lib/scope";
import { SILENT_AFTER_MS } from "./path";
import { Session, TICKET_FRESH_MS } from "./session";
import { READ_EVERY_MS } from "./stats";
import { FakeBrowser, type FakeSocket } from "./tests/fakes";
import { JOINED, joinRoom, newCapture, SLOTS, TICKET } from "./tests/stay";

let browser: FakeBrowser;
let session: Session;
let renewals: number;

beforeEach(() => {
  browser = new FakeBrowser();
  renewals = 0;
  const scope = new Scope();
  const renew = async () => ({ ...TICKET, grant: `renewed ${++renewals}` });
  session = new Session({ browser, scope, capture: newCapture(scope), renew });
});

/** Media arrives, and the node answers pings, for so long. */
async function flow(socket: FakeSocket, ms: number): Promise<void> {
  let answered = socket.ofType("ping").length;
  for (let passed = 0; passed < ms; passed += READ_EVERY_MS) {
    browser.lastPeer.datagramsIn += 20;
    await browser.pass(READ_EVERY_MS);
    answered = answerPings(socket, answered);
  }
}

function answerPings(socket: FakeSocket, answered: number): number {
  const asked = socket.ofType("ping").length;
  for (let i = answered; i < asked; i++) socket.says(0, { type: "pong", sent_at_ms: 0, server_time_ms: 0 });
  return asked;
}

/** A stay whose media flows. */
async function stay(): Promise<FakeSocket> {
  const socket = await joinRoom(session, browser);
  await flow(socket, 6_000);
  return socket;
}

/** The next WebSocket opens and the node has kept the place. */
async function resume(): Promise<FakeSocket> {
  const socket = browser.lastSocket;
  socket.onopen?.();
  socket.says(2, { ...JOINED, resumed: true });
  await browser.pass(0);
  return socket;
}

const NOTICED_WITHIN_MS = SILENT_AFTER_MS + 2 * READ_EVERY_MS + DOUBT_MS;

describe("a network that is gone", () => {
  test("is noticed within four seconds by what no longer arrives", async () => {
    await stay();
    await browser.pass(NOTICED_WITHIN_MS);
    expect(session.state.get()).toEqual({ at: "lost" });
    expect(NOTICED_WITHIN_MS).toBeLessThan(4_000);
  });

  test("is not taken for gone when nothing arrives because nobody sends", async () => {
    const socket = await joinRoom(session, browser);
    for (let answered = 0, second = 0; second < 30; second++) {
      browser.lastPeer.datagramsIn += second % 3 === 0 ? 1 : 0;
      await browser.pass(1_000);
      answered = answerPings(socket, answered);
    }
    expect(session.state.get()).toEqual({ at: "joined" });
    expect(browser.lastPeer.iceRestarts).toBe(0);
  });

  test("is asked for every other second, though each try hangs", async () => {
    await stay();
    await browser.pass(NOTICED_WITHIN_MS);
    const before = browser.sockets.length;
    let longestMs = 0;
    let triedMs = 0;
    let tries = before;
    for (let passed = 0; passed < EARLY_MS - 5_000; passed += 100) {
      await browser.pass(100);
      if (browser.sockets.length === tries) continue;
      tries = browser.sockets.length;
      longestMs = Math.max(longestMs, passed - triedMs);
      triedMs = passed;
    }
    expect(tries - before).toBeGreaterThan(10);
    expect(longestMs).toBeLessThanOrEqual(Math.max(TRY_PATIENCE_MS, LONGEST_EARLY_WAIT_MS) + 500);
    expect(browser.sockets.slice(0, -1).every(({ closed }) => closed)).toBe(true);
  });

  test("tears nothing down while it is away", async () => {
    await stay();
    const peer = browser.lastPeer;
    await browser.pass(NOTICED_WITHIN_MS);
    peer.becomes("disconnected");
    await browser.pass(10_000);
    peer.becomes("failed");
    await browser.pass(20_000);
    expect(peer.closed).toBe(false);
    expect(renewals).toBe(0);
    session.hurry();
    await browser.pass(0);
    const socket = await resume();
    expect(socket.ofType("join")[0]?.resume).toEqual({ resume_key: "key", last_seq: 2 });
    expect(peer.iceRestarts).toBe(1);
    expect(socket.ofType("offer")).toHaveLength(1);
    expect(session.state.get()).toEqual({ at: "joined" });
  });

  test("is met at once when media arrives again", async () => {
    await stay();
    await browser.pass(NOTICED_WITHIN_MS + 1_000);
    const tries = browser.sockets.length;
    browser.lastPeer.datagramsIn += 1;
    await browser.pass(READ_EVERY_MS);
    expect(browser.sockets.length).toBe(tries + 1);
    await resume();
    expect(browser.lastPeer.iceRestarts).toBe(0);
  });

  test("is met at once when ICE has found it", async () => {
    await stay();
    browser.lastPeer.becomes("disconnected");
    await browser.pass(NOTICED_WITHIN_MS + 1_000);
    const tries = browser.sockets.length;
    browser.lastPeer.becomes("connected");
    await browser.pass(0);
    expect(browser.sockets.length).toBe(tries + 1);
  });
});

describe("a path that is gone while the node answers", () => {
  test("gets new candidates within two seconds, once", async () => {
    const socket = await stay();
    let answered = socket.ofType("ping").length;
    for (let passed = 0; passed < 9_000; passed += 100) {
      await browser.pass(100);
      answered = answerPings(socket, answered);
      if (passed === 1_900) expect(browser.lastPeer.iceRestarts).toBe(1);
    }
    expect(browser.lastPeer.iceRestarts).toBe(1);
    expect(session.state.get()).toEqual({ at: "joined" });
  });

  test("is the same connection after them", async () => {
    const socket = await stay();
    const peer = browser.lastPeer;
    for (let answered = socket.ofType("ping").length, passed = 0; passed < 2_000; passed += 100) {
      await browser.pass(100);
      answered = answerPings(socket, answered);
    }
    socket.says(3, { type: "answer", revision: 2, sdp: "answer", slots: SLOTS });
    await flow(socket, 20_000);
    expect(browser.lastPeer).toBe(peer);
    expect(peer.closed).toBe(false);
    expect(peer.iceRestarts).toBe(1);
  });
});

describe("the grant", () => {
  test("is kept fresh during the stay, so that coming back asks nobody else", async () => {
    const socket = await stay();
    await flow(socket, TICKET_FRESH_MS + 3 * PING_EVERY_MS);
    expect(renewals).toBe(1);
    socket.onclose?.();
    await browser.pass(400);
    await resume();
    expect(browser.lastSocket.ofType("join")[0]).toMatchObject({ grant: "renewed 1" });
    expect(renewals).toBe(1);
  });
});

test("a node that says within what span to come back is obeyed", async () => {
  const socket = await joinRoom(session, browser, { reconnect_within_ms: 8_000 });
  await flow(socket, 6_000);
  socket.onclose?.();
  await browser.pass(3_900);
  expect(browser.sockets).toHaveLength(1);
  await browser.pass(200);
  expect(browser.sockets).toHaveLength(2);
});

describe("a page that is loaded anew", () => {
  const place = { resumeKey: "key", lastSeq: 7, revision: 3 };

  async function comeBack(answer: Partial<typeof JOINED>): Promise<FakeSocket> {
    session.join(TICKET, place);
    await browser.pass(0);
    const socket = browser.lastSocket;
    socket.onopen?.();
    socket.says(7, { ...JOINED, ...answer });
    await browser.pass(0);
    return socket;
  }

  test("takes its place again with a connection of its own", async () => {
    const socket = await comeBack({ resumed: true });
    expect(socket.ofType("join")[0]?.resume).toEqual({ resume_key: "key", last_seq: 7 });
    expect(socket.ofType("offer")[0]?.revision).toBe(4);
    expect(session.state.get()).toEqual({ at: "joined" });
  });

  test("forgets what the node said of the connection before", async () => {
    const socket = await comeBack({ resumed: true });
    socket.says(8, { type: "slots", slots: [{ slot: "10", track: "ben:camera" }] });
    socket.says(9, { type: "answer", revision: 4, sdp: "answer", slots: SLOTS });
    await browser.pass(0);
    expect(session.pictures.get().size).toBe(0);
    socket.says(10, { type: "slots", slots: [{ slot: "11", track: "ben:camera" }] });
    expect([...session.pictures.get().keys()]).toEqual(["ben:camera"]);
  });

  test("whose place is gone comes as if for the first time", async () => {
    const socket = await comeBack({ resumed: false });
    expect(socket.ofType("offer")[0]?.revision).toBe(1);
  });

  test("knows its place as long as it stays", async () => {
    expect(session.place).toBeNull();
    await joinRoom(session, browser);
    expect(session.place).toEqual({ resumeKey: "key", lastSeq: 2, revision: 1 });
    session.leave();
    expect(session.place).toBeNull();
  });
});
