// One visit to a meeting's page: finding the room, the preview, the room, and afterwards.

import { type Browser, Capture, Cell, Devices, type LeftReason, type MediaDevicesLike, Scope, type Value } from "@client";
import type { Api } from "../api/client";
import type { Auth } from "../api/auth";
import { Problem, problemText } from "../api/problem";
import type { Invitation, JoinAnswer } from "../api/types";
import type { Memory } from "../lib/storage";
import { Notes } from "./notes";
import { overBecause, RoomView } from "./room-view";
import type { RememberedWishes } from "./wishes";

/** How often the preview asks whether the meeting is being recorded. */
const LOOK_EVERY_MS = 3_000;

/** How somebody came to this page. */
export type Entrance = { kind: "invite"; token: string } | { kind: "room"; id: string };

export type Phase =
  | { at: "loading" }
  /** No such invite or room. */
  | { at: "unknown" }
  | { at: "failed"; message: string }
  | { at: "preview"; problem: string | null }
  | { at: "entering" }
  | { at: "room"; room: RoomView }
  | { at: "left"; reason: LeftReason; sessionId: string | null; endedByMe: boolean };

export interface MeetingWiring {
  entrance: Entrance;
  scope: Scope;
  api: Api;
  auth: Auth;
  browser: Browser;
  media: MediaDevicesLike | undefined;
  wishes: RememberedWishes;
  /** Lives as long as the tab: keeps one's place over a reload. */
  tab: Memory;
  origin: string;
  pixelRatio: () => number;
}

export class Meeting {
  readonly capture: Capture;
  readonly devices: Devices;
  readonly notes: Notes;
  private readonly phaseCell = new Cell<Phase>({ at: "loading" });
  private readonly invitationCell = new Cell<Invitation | null>(null);
  private inviteToken: string | null = null;
  private visit = new Scope();
  private stopLooking: () => void = () => undefined;

  constructor(private readonly wiring: MeetingWiring) {
    const { scope, media, wishes, browser } = wiring;
    this.capture = new Capture(scope, media, wishes.value.get());
    this.devices = new Devices(scope, media);
    this.notes = new Notes(browser);
    scope.onEnd(() => this.stopLooking());
    scope.onEnd(() => this.visit.end());
    void this.find();
  }

  get phase(): Value<Phase> {
    return this.phaseCell;
  }

  /** What is known of the meeting before entering. */
  get invitation(): Value<Invitation | null> {
    return this.invitationCell;
  }

  /** Whether a name must be given: whoever is signed in has one. */
  get needsName(): boolean {
    return this.wiring.auth.user.get() == null;
  }

  /** Starts what the person had on last time. */
  async startDevices(): Promise<void> {
    const { cameraOn, microphoneOn } = this.wiring.wishes.value.get();
    // One after the other: two permission questions at once confuse people and some browsers.
    if (microphoneOn) await this.capture.startMicrophone();
    if (cameraOn) await this.capture.startCamera();
    await this.devices.refresh();
  }

  async enter(name: string): Promise<void> {
    const invitation = this.invitationCell.get();
    if (invitation === null || this.phaseCell.get().at !== "preview") return;
    this.phaseCell.set({ at: "entering" });
    try {
      const answer = await this.join(invitation.room_id, name);
      if (this.wiring.scope.ended) return;
      this.stopLooking();
      this.enterRoom(invitation.room_id, name, answer);
    } catch (error) {
      const reason = overBecause(error)?.reason;
      if (reason === "ended" || reason === "removed") this.phaseCell.set({ at: "left", reason, sessionId: null, endedByMe: false });
      else this.phaseCell.set({ at: "preview", problem: problemText(error) });
    }
  }

  /** From the page after leaving back to the preview. */
  async comeBack(): Promise<void> {
    this.phaseCell.set({ at: "loading" });
    await this.find();
  }

  private async find(): Promise<void> {
    try {
      this.inviteToken = await this.token();
      const invitation = await this.wiring.api.invitation(this.inviteToken);
      if (this.wiring.scope.ended) return;
      this.invitationCell.set(invitation);
      if (invitation.status === "ended") {
        this.phaseCell.set({ at: "left", reason: "ended", sessionId: null, endedByMe: false });
        return;
      }
      this.phaseCell.set({ at: "preview", problem: null });
      this.lookAgain();
    } catch (error) {
      if (this.wiring.scope.ended) return;
      const unknown = error instanceof Problem && [400, 404, 410, 422].includes(error.status);
      this.phaseCell.set(unknown ? { at: "unknown" } : { at: "failed", message: problemText(error) });
    }
  }

  private async token(): Promise<string> {
    const { entrance, api } = this.wiring;
    if (entrance.kind === "invite") return entrance.token;
    const room = await api.room(entrance.id);
    if (room.invite_url == null) throw new Problem("no_invite", 404, "You have no right to open this meeting.");
    return room.invite_url.split("/").at(-1) ?? "";
  }

  private lookAgain(): void {
    this.stopLooking();
    this.stopLooking = this.wiring.browser.after(LOOK_EVERY_MS, () => void this.look());
  }

  private async look(): Promise<void> {
    const { at } = this.phaseCell.get();
    if (this.inviteToken === null || (at !== "preview" && at !== "entering")) return;
    // A look that fails says nothing; the next one may succeed.
    const invitation = await this.wiring.api.invitation(this.inviteToken).catch(() => null);
    if (this.wiring.scope.ended) return;
    if (invitation !== null) this.invitationCell.set(invitation);
    this.lookAgain();
  }

  private async join(roomId: string, name: string): Promise<JoinAnswer> {
    const { api, tab } = this.wiring;
    const place = `rejoin.${roomId}`;
    const ask = (rejoin: string | null) =>
      api.join(roomId, {
        ...(this.needsName ? { name } : {}),
        ...(this.inviteToken === null ? {} : { invite: this.inviteToken }),
        ...(rejoin === null ? {} : { rejoin }),
      });
    const answer = await ask(tab.read(place)).catch((error: unknown) => {
      // The place is not kept any more: come as somebody new.
      if (error instanceof Problem && error.code === "rejoin_invalid") return ask(null);
      throw error;
    });
    tab.write(place, answer.rejoin);
    return answer;
  }

  private enterRoom(roomId: string, name: string, answer: JoinAnswer): void {
    const { api, browser, origin, pixelRatio, scope } = this.wiring;
    this.visit = scope.child();
    const room = new RoomView({
      scope: this.visit,
      api,
      browser,
      capture: this.capture,
      notes: this.notes,
      roomId,
      inviteUrl: `${origin}/j/${this.inviteToken ?? ""}`,
      answer,
      rejoin: () => this.join(roomId, name),
      pixelRatio,
    });
    const check = () => {
      const state = room.state.get();
      if (state.at === "joined" && this.phaseCell.get().at === "entering") this.phaseCell.set({ at: "room", room });
      if (state.at === "left") this.left(room, state.reason);
    };
    this.visit.onEnd(room.state.subscribe(check));
    check();
  }

  private left(room: RoomView, reason: LeftReason): void {
    if (this.phaseCell.get().at === "left") return;
    const sessionId = this.wiring.auth.user.get() == null ? null : room.sessionId;
    this.capture.stopScreen();
    this.capture.stopCamera();
    this.capture.stopMicrophone();
    this.phaseCell.set({ at: "left", reason, sessionId, endedByMe: room.endedByMe.get() });
    this.visit.end();
  }
}
