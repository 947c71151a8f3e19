import { beforeEach, expect, test } from "vitest";
import { Scope } from "./lib/scope";
import type { NodeMessage } from "./protocol/signal.gen";
import { Session } from "./session";
import { FakeBrowser, type FakeSocket } from "./tests/fakes";
import { JOINED, joinRoom, newCapture, SLOTS, TICKET } from "./tests/stay";

let browser: FakeBrowser;
let socket: FakeSocket;

beforeEach(async () => {
  browser = new FakeBrowser();
  const scope = new Scope();
  const session = new Session({ browser, scope, capture: newCapture(scope), renew: async () => TICKET });
  socket = await joinRoom(session, browser);
});

/** The camera's layers that are sent over the last connection. */
function sent(): (string | undefined)[] {
  const camera = browser.lastPeer.transceivers.filter(({ kind }) => kind === "video")[0];
  const { encodings } = camera?.sender.getParameters() ?? { encodings: [] };
  return encodings.filter(({ active }) => active !== false).map(({ rid }) => rid);
}

const layers = (...wanted: string[]): NodeMessage => ({ type: "layers", source: "camera", wanted });

test("only those layers are sent that the node says anybody receives", async () => {
  expect(sent()).toEqual(["q", "h", "f"]);
  socket.says(3, layers("q"));
  await browser.pass(0);
  expect(sent()).toEqual(["q"]);
  socket.says(4, layers());
  socket.says(5, layers("h", "f"));
  await browser.pass(0);
  expect(sent()).toEqual(["h", "f"]);
});

test("a new connection begins with all layers, and what is said before its answer is of the one before", async () => {
  socket.says(3, layers("q"));
  socket.says(4, { type: "refused", about: "offer", code: "internal", message: "" });
  await browser.pass(3_000);
  expect(browser.peers.length).toBe(2);
  socket.says(5, layers("h"));
  await browser.pass(0);
  expect(sent()).toEqual(["q", "h", "f"]);
  socket.says(6, { type: "answer", revision: 2, sdp: "answer", slots: SLOTS });
  await browser.pass(0);
  socket.says(7, layers("f"));
  await browser.pass(0);
  expect(sent()).toEqual(["f"]);
});

test("a WebSocket that was lost changes nothing, and what was missed is heard", async () => {
  socket.says(3, layers("q"));
  await browser.pass(0);
  socket.onclose?.();
  await browser.pass(3_000);
  const again = browser.lastSocket;
  again.onopen?.();
  again.says(3, { ...JOINED, resumed: true });
  await browser.pass(0);
  expect(sent()).toEqual(["q"]);
  again.says(4, layers("q", "h"));
  await browser.pass(0);
  expect(sent()).toEqual(["q", "h"]);
});
