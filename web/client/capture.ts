// What this person gives to the room: camera, microphone, shared screen and its sound. It lives
// before a session (the preview) and through it, and knows nothing of any connection.

import { deviceProblem, type DeviceProblem, type MediaDevicesLike } from "./devices";
import type { Scope } from "./lib/scope";
import { Cell, type Value } from "./lib/value";
import type { Source, TrackState } from "./protocol/signal.gen";

/** One source as it is now. */
export interface Captured {
  state: "off" | "starting" | "live" | "muted";
  /** Null while nothing is captured. */
  track: MediaStreamTrack | null;
  /** Why the last try gave nothing. */
  problem: DeviceProblem | null;
}

const OFF: Captured = { state: "off", track: null, problem: null };

/** 720p is what a tile can show; more costs three encoders for nothing. */
const CAMERA: MediaTrackConstraints = {
  width: { ideal: 1280 },
  height: { ideal: 720 },
  frameRate: { ideal: 30, max: 30 },
};

export interface CaptureWishes {
  cameraId: string | null;
  microphoneId: string | null;
  /** Whether the browser removes echo and noise and evens out loudness. */
  soundProcessing: boolean;
}

export class Capture {
  private readonly cells: Record<Source, Cell<Captured>> = {
    camera: new Cell(OFF),
    microphone: new Cell(OFF),
    screen: new Cell(OFF),
    screen_audio: new Cell(OFF),
  };
  private readonly wishesCell: Cell<CaptureWishes>;
  private readonly tries: Record<Source, number> = { camera: 0, microphone: 0, screen: 0, screen_audio: 0 };

  constructor(
    scope: Scope,
    private readonly media: MediaDevicesLike | undefined,
    wishes: CaptureWishes,
  ) {
    this.wishesCell = new Cell(wishes);
    scope.onEnd(() => {
      for (const source of Object.keys(this.cells) as Source[]) this.drop(source, OFF);
    });
  }

  source(source: Source): Value<Captured> {
    return this.cells[source];
  }

  get wishes(): Value<CaptureWishes> {
    return this.wishesCell;
  }

  /** Chooses devices; a source that is running is taken from the new device at once. */
  async choose(wishes: Partial<CaptureWishes>): Promise<void> {
    const before = this.wishesCell.get();
    const now = { ...before, ...wishes };
    this.wishesCell.set(now);
    const camera = this.cells.camera.get();
    if (now.cameraId !== before.cameraId && (camera.track !== null || camera.problem !== null)) await this.startCamera();
    const microphoneChanged = now.microphoneId !== before.microphoneId || now.soundProcessing !== before.soundProcessing;
    const microphone = this.cells.microphone.get();
    if (!microphoneChanged || (microphone.track === null && microphone.problem === null)) return;
    const wasMuted = microphone.state === "muted";
    await this.startMicrophone();
    if (wasMuted) this.muteMicrophone();
  }

  async startCamera(): Promise<void> {
    const { cameraId } = this.wishesCell.get();
    await this.start("camera", { video: { ...CAMERA, ...exactly(cameraId) } });
  }

  /** Lets the camera go: its light goes out. */
  stopCamera(): void {
    const wasLive = this.cells.camera.get().track !== null;
    this.drop("camera", wasLive ? { state: "muted", track: null, problem: null } : OFF);
  }

  /** @param muted it is not heard for a moment, as after {@link muteMicrophone} */
  async startMicrophone(muted = false): Promise<void> {
    const { microphoneId, soundProcessing } = this.wishesCell.get();
    const audio: MediaTrackConstraints = {
      echoCancellation: soundProcessing,
      noiseSuppression: soundProcessing,
      autoGainControl: soundProcessing,
      ...exactly(microphoneId),
    };
    await this.start("microphone", { audio }, muted);
  }

  /** Sends silence and keeps the device, so that unmuting takes no time. */
  muteMicrophone(): void {
    this.cells.microphone.update((now) => {
      if (now.track === null) return now;
      now.track.enabled = false;
      return { ...now, state: "muted" };
    });
  }

  /** Lets the microphone go. */
  stopMicrophone(): void {
    this.drop("microphone", OFF);
  }

  async unmuteMicrophone(): Promise<void> {
    const { track } = this.cells.microphone.get();
    if (track === null) return this.startMicrophone();
    track.enabled = true;
    this.cells.microphone.update((now) => ({ ...now, state: "live", problem: null }));
  }

  /** Asks the person what to share. Saying no is not a problem. */
  async startScreen(): Promise<void> {
    const attempt = ++this.tries.screen;
    if (this.media?.getDisplayMedia === undefined) {
      this.drop("screen", { ...OFF, problem: this.media === undefined ? "insecure" : "missing" });
      return;
    }
    try {
      const stream = await this.media.getDisplayMedia({ video: { frameRate: { ideal: 15, max: 30 } }, audio: true });
      if (attempt !== this.tries.screen) return stream.getTracks().forEach((track) => track.stop());
      for (const track of stream.getTracks()) this.adopt(track.kind === "video" ? "screen" : "screen_audio", track);
    } catch (error) {
      const problem = deviceProblem(error);
      this.drop("screen", { ...OFF, problem: problem === "denied" ? null : problem });
    }
  }

  stopScreen(): void {
    this.drop("screen", OFF);
    this.drop("screen_audio", OFF);
  }

  private async start(source: "camera" | "microphone", constraints: MediaStreamConstraints, muted = false): Promise<void> {
    const attempt = ++this.tries[source];
    if (this.media === undefined) {
      this.drop(source, { ...OFF, problem: "insecure" });
      return;
    }
    this.cells[source].update((now) => ({ ...now, state: "starting", problem: null }));
    try {
      const stream = await this.media.getUserMedia(constraints);
      const [track] = stream.getTracks();
      if (attempt !== this.tries[source] || track === undefined) {
        stream.getTracks().forEach((unwanted) => unwanted.stop());
        return;
      }
      this.adopt(source, track, muted);
    } catch (error) {
      if (attempt === this.tries[source]) this.drop(source, { ...OFF, problem: deviceProblem(error) });
    }
  }

  private adopt(source: Source, track: MediaStreamTrack, muted = false): void {
    const before = this.cells[source].get().track;
    track.contentHint = source === "screen" ? "detail" : "";
    track.addEventListener("ended", () => this.ended(source, track));
    track.enabled = !muted;
    this.cells[source].set({ state: muted ? "muted" : "live", track, problem: null });
    if (before !== track) before?.stop();
  }

  /** The browser's own "stop sharing", or an unplugged device. */
  private ended(source: Source, track: MediaStreamTrack): void {
    if (this.cells[source].get().track !== track) return;
    if (source === "screen") this.stopScreen();
    else this.drop(source, { ...OFF, problem: source === "screen_audio" ? null : "ended" });
  }

  private drop(source: Source, next: Captured): void {
    this.tries[source] += 1;
    const { track } = this.cells[source].get();
    this.cells[source].set(next);
    track?.stop();
  }
}

/** What the room is told of a source. */
export function trackState({ state, track }: Captured): TrackState {
  if (state === "starting") return track === null ? "off" : "live";
  return state;
}

function exactly(deviceId: string | null): MediaTrackConstraints {
  return deviceId === null ? {} : { deviceId: { exact: deviceId } };
}
