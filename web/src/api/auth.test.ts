import { describe, expect, test } from "vitest";
import { memoryIn } from "../lib/storage";
import { Auth } from "./auth";
import { Api } from "./client";
import { Problem } from "./problem";

const USER = { id: "u", name: "Olga", email: "o@example.org", role: "owner" };

interface Server {
  asked: string[];
  /** Access tokens that are taken. */
  good: Set<string>;
  /** Whether the refresh cookie is still good. */
  refreshes: boolean;
}

function json(status: number, body: unknown): Response {
  return new Response(JSON.stringify(body), { status, headers: { "content-type": "application/json" } });
}

function setUp() {
  const server: Server = { asked: [], good: new Set(), refreshes: true };
  let issued = 0;
  const fetcher = (async (input: RequestInfo | URL, init?: RequestInit) => {
    const url = input instanceof Request ? input.url : String(input);
    const headers = input instanceof Request ? input.headers : new Headers(init?.headers);
    const path = new URL(url, "http://here").pathname;
    server.asked.push(path);
    if (path === "/api/auth/refresh" && !server.refreshes) return json(401, { code: "refresh_refused", title: "Sign in again." });
    if (path === "/api/auth/refresh" || path === "/api/auth/login") {
      const token = `token ${++issued}`;
      server.good = new Set([token]);
      return json(200, { access_token: token, expires_at: "", user: USER });
    }
    if (!server.good.has((headers.get("authorization") ?? "").replace("Bearer ", ""))) return json(401, { code: "unauthorised", title: "No." });
    return json(200, { items: [], next: null });
  }) as typeof fetch;
  const held = new Map<string, string>();
  const storage = {
    getItem: (name: string) => held.get(name) ?? null,
    setItem: (name: string, value: string) => held.set(name, value),
    removeItem: (name: string) => held.delete(name),
  } as unknown as Storage;
  const auth = new Auth(fetcher, memoryIn(() => storage));
  return { server, auth, api: new Api(fetcher, auth, "http://here"), held };
}

describe("signing in", () => {
  test("a guest's page asks for no refresh at all", async () => {
    const { server, auth } = setUp();
    await auth.start();
    expect(auth.user.get()).toBeNull();
    expect(server.asked).toEqual([]);
  });

  test("whoever signed in before is signed in after a reload", async () => {
    const { auth, held } = setUp();
    held.set("colloquy.signed_in", "1");
    await auth.start();
    expect(auth.user.get()).toEqual(USER);
  });

  test("an old access token is renewed once, whoever asks at the same time", async () => {
    const { server, auth, api } = setUp();
    await auth.signIn("o@example.org", "secret");
    server.good = new Set();
    await Promise.all([api.sessions(), api.sessions()]);
    expect(server.asked.filter((path) => path === "/api/auth/refresh")).toHaveLength(1);
  });

  test("a refused refresh signs out and leaves the refusal", async () => {
    const { server, auth, api, held } = setUp();
    await auth.signIn("o@example.org", "secret");
    server.good = new Set();
    server.refreshes = false;
    const refusal = await api.sessions().catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(Problem);
    expect((refusal as Problem).code).toBe("unauthorised");
    expect(auth.user.get()).toBeNull();
    expect(held.has("colloquy.signed_in")).toBe(false);
  });

  test("a server that is not there is a problem in plain words", async () => {
    const auth = new Auth(
      () => Promise.reject(new TypeError("failed")),
      memoryIn(() => localStorage),
    );
    await expect(auth.signIn("a@b", "x")).rejects.toMatchObject({ code: "unreachable", status: 0 });
  });
});
