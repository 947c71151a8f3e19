// One visit to a meeting's page: finding the room, the preview, the room, and afterwards.

import {
  type Browser,
  Capture,
  Cell,
  Devices,
  type LeftReason,
  type MediaDevicesLike,
  type Place,
  Scope,
  trackState,
  type Value,
} from "@client";
import type { Api } from "../api/client";
import type { Auth } from "../api/auth";
import { Problem, problemText } from "../api/problem";
import type { Invitation, JoinAnswer } from "../api/types";
import type { Memory } from "../lib/storage";
import { Notes } from "./notes";
import { overBecause, RoomView } from "./room-view";
import { type Stay, takeStay, writeStay } from "./stay";
import type { RememberedWishes } from "./wishes";

/** How often the preview asks whether the meeting is being recorded. */
const LOOK_EVERY_MS = 3_000;

/** Coming back waits so long for camera and microphone: a browser may be asking for permission. */
const DEVICES_WITHIN_MS = 1_000;

/** How somebody came to this page. */
export type Entrance = { kind: "invite"; token: string } | { kind: "room"; id: string };

export type Phase =
  | { at: "loading" }
  /** No such invite or room. */
  | { at: "unknown" }
  | { at: "failed"; message: string }
  | { at: "preview"; problem: string | null }
  | { at: "entering" }
  /** The page was loaded anew in the room: back without a question. */
  | { at: "returning" }
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
  /** This page was loaded anew, by a person or by the browser. */
  reloaded: boolean;
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

  /** The page goes. Perhaps it is loaded anew: what it takes to be back is left in the tab. */
  goAway(): void {
    const phase = this.phaseCell.get();
    const place = phase.at === "room" ? phase.room.session.place : null;
    const roomId = this.invitationCell.get()?.room_id;
    if (phase.at !== "room" || place === null || roomId === undefined) return;
    const stateOf = (source: "microphone" | "camera") => trackState(this.capture.source(source).get());
    writeStay(this.wiring.tab, {
      roomId,
      atMs: this.wiring.browser.nowMs(),
      name: phase.room.name,
      microphone: stateOf("microphone"),
      camera: stateOf("camera"),
      place,
    });
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
      const stay = takeStay(this.wiring.tab, invitation.room_id, this.wiring.browser.nowMs());
      if (stay !== null && this.wiring.reloaded) return await this.comeAgain(stay);
      this.preview(null);
    } catch (error) {
      if (this.wiring.scope.ended) return;
      const unknown = error instanceof Problem && [400, 404, 410, 422].includes(error.status);
      this.phaseCell.set(unknown ? { at: "unknown" } : { at: "failed", message: problemText(error) });
    }
  }

  private preview(problem: string | null): void {
    this.phaseCell.set({ at: "preview", problem });
    this.lookAgain();
  }

  /** After a reload: as the same participant, with the same name and devices. */
  private async comeAgain(stay: Stay): Promise<void> {
    this.phaseCell.set({ at: "returning" });
    try {
      const [answer] = await Promise.all([this.join(stay.roomId, stay.name), this.startAsBefore(stay)]);
      if (!this.wiring.scope.ended) this.enterRoom(stay.roomId, stay.name, answer, stay.place);
    } catch (error) {
      if (!this.wiring.scope.ended) this.preview(problemText(error));
    }
  }

  private async startAsBefore({ microphone, camera }: Stay): Promise<void> {
    const started = [
      ...(microphone === "off" ? [] : [this.capture.startMicrophone(microphone === "muted")]),
      ...(camera === "live" ? [this.capture.startCamera()] : []),
    ];
    const late = new Promise<void>((resolve) => void this.wiring.browser.after(DEVICES_WITHIN_MS, resolve));
    await Promise.race([Promise.all(started), late]);
    void this.devices.refresh();
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

  private enterRoom(roomId: string, name: string, answer: JoinAnswer, place: Place | null = null): void {
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
      place,
      rejoin: () => this.join(roomId, name),
      videoCodec: () => this.wiring.wishes.value.get().videoCodec,
      pixelRatio,
    });
    const check = () => {
      const state = room.state.get();
      const { at } = this.phaseCell.get();
      if (state.at === "joined" && (at === "entering" || at === "returning")) this.phaseCell.set({ at: "room", room });
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
