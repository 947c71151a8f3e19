// Who is signed in. The access token lives in memory only; the refresh token is a cookie that
// scripts cannot read. A mark in storage says whether asking for a refresh can succeed at all,
// so that guests cause no refused request.

import { Cell, type Value } from "@client";
import type { Memory } from "../lib/storage";
import { Problem, problemOf, unreachable } from "./problem";
import type { AuthAnswer, SetupRequest, User } from "./types";

const MARK = "signed_in";

/** `undefined` until the first look at the cookie is over. */
export type SignedIn = User | null | undefined;

export class Auth {
  private readonly userCell = new Cell<SignedIn>(undefined);
  private token: string | null = null;
  private refreshing: Promise<boolean> | null = null;

  constructor(
    private readonly fetcher: typeof fetch,
    private readonly memory: Memory,
  ) {}

  get user(): Value<SignedIn> {
    return this.userCell;
  }

  accessToken(): string | null {
    return this.token;
  }

  /** Called once when the page loads. */
  async start(): Promise<void> {
    if (this.memory.read(MARK) === null) this.userCell.set(null);
    else await this.refresh();
  }

  async signIn(email: string, password: string): Promise<void> {
    this.take(await this.post("/api/auth/login", { email, password }));
  }

  async setUp(owner: SetupRequest): Promise<void> {
    this.take(await this.post("/api/setup", owner));
  }

  async signOut(): Promise<void> {
    await this.post("/api/auth/logout", {}).catch(() => undefined);
    this.forget();
  }

  /** A new access token by the cookie; many askers share one request. False: sign in again. */
  refresh(): Promise<boolean> {
    this.refreshing ??= this.refreshOnce().finally(() => {
      this.refreshing = null;
    });
    return this.refreshing;
  }

  private async refreshOnce(): Promise<boolean> {
    try {
      this.take(await this.post("/api/auth/refresh", {}));
      return true;
    } catch (error) {
      // No answer says nothing about who is signed in; the mark stays for the next load.
      if (error instanceof Problem && error.status > 0 && error.status < 500) this.forget();
      else if (this.userCell.get() === undefined) this.userCell.set(null);
      return false;
    }
  }

  private take(answer: AuthAnswer): void {
    this.token = answer.access_token;
    this.memory.write(MARK, "1");
    this.userCell.set(answer.user);
  }

  private forget(): void {
    this.token = null;
    this.memory.write(MARK, null);
    this.userCell.set(null);
  }

  private async post(path: string, body: unknown): Promise<AuthAnswer> {
    const answer = await this.fetcher(path, {
      method: "POST",
      headers: { "content-type": "application/json", ...bearer(this.token) },
      body: JSON.stringify(body),
      credentials: "same-origin",
    }).catch(() => {
      throw unreachable();
    });
    const read: unknown = answer.status === 204 ? null : await answer.json().catch(() => null);
    if (!answer.ok) throw problemOf(answer.status, read);
    return read as AuthAnswer;
  }
}

export function bearer(token: string | null): Record<string, string> {
  return token === null ? {} : { authorization: `Bearer ${token}` };
}
