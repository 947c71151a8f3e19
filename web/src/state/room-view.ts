// A room as the page shows it, from entering to leaving: who is there, what the stage holds,
// and what a person can do.

import type {
  Scope} from "@client";
import {
  type Browser,
  type Capture,
  Cell,
  derive,
  follow,
  type LeftReason,
  participantOf,
  type ParticipantId,
  type Place,
  type Role,
  Session,
  type SessionState,
  SessionOver,
  type Source,
  type Ticket,
  type Value,
  type VideoCodec,
} from "@client";
import type { Api } from "../api/client";
import { Problem, problemText } from "../api/problem";
import type { JoinAnswer } from "../api/types";
import { announcements, type Moment } from "./announcements";
import { chooseLayout, type Layout, promote, shownPictures, type Size, tileCapacity } from "./layout";
import type { Notes } from "./notes";
import { people, type Person } from "./people";

export interface RoomViewWiring {
  scope: Scope;
  api: Api;
  browser: Browser;
  capture: Capture;
  notes: Notes;
  roomId: string;
  inviteUrl: string;
  answer: JoinAnswer;
  /** Where the page was before it was loaded anew. */
  place?: Place | null;
  /** Joins again as the same participant. */
  rejoin: () => Promise<JoinAnswer>;
  /** What the camera is encoded in. */
  videoCodec: () => VideoCodec;
  pixelRatio: () => number;
}

export class RoomView {
  readonly session: Session;
  readonly people: Value<readonly Person[]>;
  readonly layout: Value<Layout>;
  /** A recording is being started or stopped. */
  readonly recordingBusy = new Cell(false);
  readonly endedByMe = new Cell(false);
  private readonly stage = new Cell<Size>({ width: 0, height: 0 });
  private readonly page = new Cell(0);
  private readonly order = new Cell<readonly ParticipantId[]>([]);
  private readonly chosenScreen = new Cell<ParticipantId | null>(null);

  constructor(private readonly wiring: RoomViewWiring) {
    const { browser, scope, capture, videoCodec } = wiring;
    this.session = new Session({ browser, scope, capture, videoCodec, renew: () => this.renew() });
    const { name, role } = wiring.answer;
    this.people = derive(
      [this.session.room, capture.source("microphone"), capture.source("camera"), capture.source("screen")],
      (room, microphone, camera, screen) => people(room, { name, role, microphone, camera, screen }),
    );
    this.layout = derive(
      [this.people, this.order, this.stage, this.page, this.chosenScreen],
      (present, order, stage, page, chosenScreen) => chooseLayout({ people: present, order, stage, page, chosenScreen }),
    );
    scope.onEnd(follow(this.people, (present) => this.reorder(present)));
    scope.onEnd(follow(this.layout, (layout) => this.session.show(shownPictures(layout, wiring.pixelRatio()))));
    this.announce();
    this.session.join(ticket(wiring.answer), wiring.place);
  }

  /** One's own name here. */
  get name(): string {
    return this.wiring.answer.name;
  }

  get role(): Role {
    return this.wiring.answer.role;
  }

  get isHost(): boolean {
    return this.role === "host";
  }

  get title(): string {
    return this.wiring.answer.title;
  }

  get sessionId(): string {
    return this.wiring.answer.session_id;
  }

  get inviteUrl(): string {
    return this.wiring.inviteUrl;
  }

  get state(): Value<SessionState> {
    return this.session.state;
  }

  setStage(stage: Size): void {
    const now = this.stage.get();
    if (now.width !== stage.width || now.height !== stage.height) this.stage.set(stage);
  }

  turnPage(by: number): void {
    this.page.set(this.layout.get().page + by);
  }

  chooseScreen(sharer: ParticipantId): void {
    this.chosenScreen.set(sharer);
  }

  async toggleMicrophone(): Promise<void> {
    const { capture, notes } = this.wiring;
    if (capture.source("microphone").get().state === "live") {
      capture.muteMicrophone();
      notes.tell("You are muted.");
      return;
    }
    await capture.unmuteMicrophone();
    if (capture.source("microphone").get().state === "live") notes.tell("Others can hear you.");
    else notes.tell("The microphone could not be started. See the device settings.", "problem");
  }

  async toggleCamera(): Promise<void> {
    const { capture, notes } = this.wiring;
    const { state } = capture.source("camera").get();
    if (state === "live" || state === "starting") return capture.stopCamera();
    await capture.startCamera();
    if (capture.source("camera").get().problem !== null) {
      notes.tell("The camera could not be started. See the device settings.", "problem");
    }
  }

  async toggleScreen(): Promise<void> {
    const { capture, notes } = this.wiring;
    if (capture.source("screen").get().state === "live") return capture.stopScreen();
    await capture.startScreen();
    const { problem } = capture.source("screen").get();
    if (problem === null) return;
    notes.tell(
      problem === "missing" ? "This browser cannot share a screen." : "The screen could not be shared. Try again.",
      "problem",
    );
  }

  async toggleRecording(): Promise<void> {
    if (this.recordingBusy.get()) return;
    this.recordingBusy.set(true);
    const { recording } = this.session.room.get();
    await this.attempt(() =>
      recording === null ? this.wiring.api.startRecording(this.wiring.roomId) : this.wiring.api.stopRecording(recording.recording),
    );
    this.recordingBusy.set(false);
  }

  leave(): void {
    this.session.leave();
  }

  async endForAll(): Promise<void> {
    this.endedByMe.set(true);
    const done = await this.attempt(() => this.wiring.api.endMeeting(this.wiring.roomId));
    if (!done) this.endedByMe.set(false);
  }

  mute(participant: ParticipantId, source: Source): void {
    if (!this.session.muteOther(participant, source)) this.wiring.notes.tell("Not connected now. Try again in a moment.", "problem");
  }

  remove(participant: ParticipantId): void {
    if (!this.session.remove(participant)) this.wiring.notes.tell("Not connected now. Try again in a moment.", "problem");
  }

  private async attempt(act: () => Promise<unknown>): Promise<boolean> {
    try {
      await act();
      return true;
    } catch (error) {
      this.wiring.notes.tell(problemText(error), "problem");
      return false;
    }
  }

  private reorder(present: readonly Person[]): void {
    this.order.update((order) => promote(order, present, tileCapacity(this.stage.get())));
  }

  private announce(): void {
    const { scope, notes, browser } = this.wiring;
    const moment = derive([this.people, this.session.room, this.session.paused], (present, room, paused): Moment => ({
      people: present,
      recording: room.recording,
      paused: new Set([...paused.keys()].map(participantOf)),
      host: this.isHost,
    }));
    let before: Moment | null = null;
    const check = () => {
      if (this.session.state.get().at !== "joined") return;
      const now = moment.get();
      // Whoever is here already at one's own entering is not news; the room tells them at once.
      const said = before === null ? [] : announcements(before, now);
      if (said.length > 0) notes.tell(said.join(" "));
      before = now;
    };
    scope.onEnd(moment.subscribe(check));
    scope.onEnd(this.session.state.subscribe(() => browser.after(0, check)));
    scope.onEnd(
      this.session.notices.subscribe((notice) => {
        if (notice.kind === "muted_by_host") notes.tell(mutedWords(notice.source));
        else notes.tell(notice.message, "problem");
      }),
    );
  }

  private async renew(): Promise<Ticket> {
    try {
      return ticket(await this.wiring.rejoin());
    } catch (error) {
      throw overBecause(error) ?? error;
    }
  }
}

const FINAL: Record<string, LeftReason> = {
  room_ended: "ended",
  removed: "removed",
  invite_invalid: "refused",
  not_found: "refused",
  not_allowed: "refused",
  unauthenticated: "refused",
};

/** A refusal that trying again cannot change. */
export function overBecause(error: unknown): SessionOver | null {
  const reason = error instanceof Problem ? FINAL[error.code] : undefined;
  return reason === undefined ? null : new SessionOver(reason);
}

function mutedWords(source: Source): string {
  if (source === "microphone") return "A host muted you. Unmute when you want to speak.";
  return source === "camera" ? "A host turned your camera off." : "A host stopped your sharing.";
}

export function ticket(answer: JoinAnswer): Ticket {
  return {
    url: answer.url,
    grant: answer.grant,
    iceServers: answer.ice_servers.map(({ urls, username, credential }) => ({
      urls,
      ...(username == null ? {} : { username }),
      ...(credential == null ? {} : { credential }),
    })),
  };
}
